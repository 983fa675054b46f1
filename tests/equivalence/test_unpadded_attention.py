"""Trials whose attention takes tokens without padding reach the numbers of trials on padded rows.

Without CUDA, and on a pretended GPU, which cannot run its kernel, rows in turn stand for it.
"""

from dataclasses import replace

import pytest
import torch

from ptune.backbone.cache import StateCache
from ptune.backbone.families import FAMILIES
from ptune.backbone.load import load_backbone
from ptune.backbone.varlen import attend_to_tokens
from support.one_pass import on_cpu, pass_over
from support.rows_in_turn import rows_in_turn
from support.worlds import assert_together_as_alone

pytestmark = pytest.mark.gpu

NAMES = [
    *("v2 all layers", "v2 longer, dropout", "v2 last layer", "v2 first layer, shifted", "v2 lengths"),
    *("v2 named layers", "v1 mlp around", "head"),
]
WHOLE = sorted(name for name, family in FAMILIES.items() if family.layers and family.unpads and family.whole)
SHARE = 0.25
"""Scores and gradients in bfloat16 differ by a smaller share of their norm. On CPUs, it is 0.02 of most of them, and at
most 0.11, of the least gradients."""


@pytest.fixture
def padded(world, tiny_backbone, device):
    """A function from a family and a type to a world on its tiny backbone."""

    def make(family, dtype="float32", **options):
        backbone = load_backbone(str(tiny_backbone(family)), dtype=dtype, device=device, **options)
        return replace(world, backbone=backbone)

    return make


def attending(world, kernel=rows_in_turn, **changes):
    """The same world where attention takes tokens."""
    return replace(world, backbone=replace(attend_to_tokens(world.backbone, kernel), **changes))


def passed(world, names=NAMES):
    """Scores and gradients of one pass, brought to the CPU."""
    scored, gradients = pass_over(world, names)
    return on_cpu([*scored, *gradients])


@pytest.mark.parametrize("family", WHOLE)
def test_a_pass_is_that_of_padded_rows(family, padded, tmp_path):
    world = padded(family)
    cache = StateCache(tmp_path / "states", 10**9)
    expected = passed(replace(world, backbone=replace(world.backbone, layers=None)))
    for changes in ({}, {"checkpointing": "always"}, {"cache": cache}, {"cache": cache}):
        for ours, theirs in zip(passed(attending(world, **changes)), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_trials_together_are_each_the_trial_alone_on_padded_rows(family, padded):
    world = padded(family)
    assert_together_as_alone(attending(world), world, [*NAMES[:4], "head"], 2)


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_a_quantized_backbone_attends_as_a_whole_one(family, padded):
    world = padded(family, quantization="int8")
    for ours, theirs in zip(passed(attending(world)), passed(world), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["bert", "distilbert", "llama", "qwen2", "gpt2"])
def test_the_kernel_in_bfloat16_is_near_padded_rows(family, padded, request):
    world = padded(family, "bfloat16")
    kernel = None if request.config.getoption("--device") == "cuda" else rows_in_turn
    for ours, theirs in zip(passed(attending(world, kernel)), passed(world), strict=True):
        assert (ours - theirs).norm() < SHARE * theirs.norm()
