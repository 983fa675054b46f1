"""A backbone attends to tokens without padding where its attention needs no rows and the kernel takes its heads."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from ptune.backbone.families import FAMILIES
from ptune.backbone.load import load_backbone
from ptune.backbone.varlen import attend_to_tokens, kernel_takes
from ptune.errors import BackboneError
from support.families import make_backbone
from support.one_pass import on_cpu, pass_over
from support.pretended_gpu import pretended_gpu
from support.rows_in_turn import rows_in_turn

NARROW = {
    "sliding_window": 8,
    "use_sliding_window": True,
    "layer_types": ["full_attention", "full_attention", "sliding_attention"],
}


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_what_attends_lies_where_the_layers_are(family, world, tiny_backbone):
    names = ("v2 all layers", "v2 last layer", "v2 lengths", "v1 mlp around")
    folder = str(tiny_backbone(family))
    scored, gradients = pass_over(replace(world, backbone=load_backbone(folder)), names)
    with pretended_gpu():
        backbone = attend_to_tokens(load_backbone(folder, device="cuda", gpus=2), rows_in_turn)
        found = [on_cpu(part) for part in pass_over(replace(world, backbone=backbone), names)]
    for ours, theirs in zip([*found[0], *found[1]], on_cpu([*scored, *gradients]), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["albert", "xmod", "modernbert", "gemma", "gemma2"])
def test_a_backbone_whose_attention_needs_rows_is_refused(family, tiny):
    with pytest.raises(BackboneError, match="its attention needs rows"):
        attend_to_tokens(tiny(family), rows_in_turn)


@pytest.mark.parametrize(
    ("family", "setting"),
    [
        ("mistral", "sliding_window"),
        ("qwen2", "use_sliding_window"),
        ("qwen2", "layer_types"),
        ("phi3", "sliding_window"),
    ],
)
def test_a_window_is_refused_and_so_is_a_config_that_says_nothing_of_it(family, setting):
    off = {"sliding_window": None, "use_sliding_window": False}
    assert FAMILIES[family].sees_rows(off)
    assert not FAMILIES[family].sees_rows({**off, setting: NARROW[setting]})
    assert not FAMILIES[family].sees_rows({})


def test_a_backbone_that_is_made_causal_or_ceases_to_be_is_refused(tmp_path):
    decoder = load_backbone(str(make_backbone("xlm-roberta-xl", tmp_path / "decoder", is_decoder=True)))
    with pytest.raises(BackboneError, match="its attention needs rows"):
        attend_to_tokens(decoder, rows_in_turn)
    assert not FAMILIES["llama"].sees_rows({"is_causal": False})


@pytest.mark.parametrize(("width", "taken"), [(4, False), (8, True), (64, True), (80, True), (192, True), (256, False)])
def test_the_kernel_takes_some_widths(width, taken):
    assert kernel_takes(width) == taken


def test_the_kernel_of_cuda_says_what_it_takes(tiny, tmp_path):
    with pytest.raises(BackboneError, match=r"takes bfloat16, got torch\.float32"):
        attend_to_tokens(tiny("bert"))
    narrow = load_backbone(str(make_backbone("bert", tmp_path / "bert", num_attention_heads=8)), dtype="bfloat16")
    with pytest.raises(BackboneError, match="takes heads as wide as multiples of 8 up to 192, got 4"):
        attend_to_tokens(narrow)


_LEAN = """
import sys
from ptune.backbone.lean_imports import import_leanly
import_leanly(trains=True)
from ptune.backbone.load import load_backbone
from ptune.backbone.varlen import attend_to_tokens
print(attend_to_tokens(load_backbone(sys.argv[1], dtype="bfloat16")).kernel.__name__)
"""


def test_a_process_that_has_left_the_compiler_out_has_the_kernel(tiny_backbone):
    program = [sys.executable, "-c", _LEAN, str(tiny_backbone("bert"))]
    ran = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "varlen_attn"
