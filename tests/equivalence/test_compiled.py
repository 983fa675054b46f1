"""Trials on compiled layers reach the numbers of trials on the layers as they are."""

import subprocess
import sys
from dataclasses import replace
from itertools import product

import pytest
import torch

from ptune.backbone.compiled import compile_layers
from ptune.backbone.load import load_backbone
from ptune.errors import BackboneError
from support.worlds import assert_together_as_alone

pytestmark = pytest.mark.gpu

EPOCHS = 2
NAMES = ["v2 all layers", "v2 longer, dropout", "v1 mlp around", "head"]
PARTS = {"bert": ["BertSelfOutput", "BertIntermediate", "BertOutput"], "llama": ["LlamaMLP", "LlamaRMSNorm"]}


@pytest.fixture
def compiled(tiny_backbone, device):
    """A function from a family to a tiny backbone of its own, compiled as far as gradients without a compiler."""

    def make(family):
        return compile_layers(load_backbone(str(tiny_backbone(family)), device=device), backend="aot_eager")

    return make


@pytest.mark.parametrize("family", PARTS)
def test_all_but_attention_is_compiled(family, compiled):
    backbone = compiled(family)
    parts = {type(part).__name__ for part in backbone.model.modules() if part._compiled_call_impl is not None}
    assert parts == set(PARTS[family])


@pytest.mark.parametrize("family", PARTS)
def test_trials_together_are_each_the_trial_alone_on_plain_layers(family, compiled, world, tiny_backbone, device):
    world = replace(world, backbone=compiled(family))
    plain = replace(world, backbone=load_backbone(str(tiny_backbone(family)), device=device))
    assert_together_as_alone(world, plain, NAMES, EPOCHS)


def passes(backbone, rows, length, *, gradients, part=None):
    """A pass of every part: all layers, or up to the last one where one position is read."""
    ids = torch.ones((rows, length), dtype=torch.long, device=backbone.device)
    states = backbone.begin(backbone.embed(ids), ids * 0, ids[:, 0] * 0).requires_grad_(gradients)
    read = None if part is None else ids[:, 0] * 0
    backbone.run({0: states}, ids.bool(), ids[:, 0] * 0, read=read)


@pytest.fixture
def strictly():
    """Code that PyTorch gives up to compile is an error; it would run as it is without a word."""
    with torch._dynamo.config.patch(fail_on_recompile_limit_hit=True):
        yield


@pytest.mark.usefixtures("strictly")
def test_no_form_of_a_pass_is_left_uncompiled(compiled):
    backbone = compiled("bert")
    for rows, length, part in product((1, 3, 5), (1, 4, 7), (None, "read")):
        with torch.inference_mode():
            passes(backbone, rows, length, gradients=False, part=part)
        with torch.no_grad():
            passes(backbone, rows, length, gradients=False, part=part)
        passes(backbone, rows, length, gradients=True, part=part)
        passes(backbone, rows, length, gradients=False, part=part)


def test_other_lengths_need_no_other_code(compiled):
    """Rows and lengths are symbols: after two shapes, others are not compiled again."""
    backbone = compiled("bert")
    torch._dynamo.utils.counters.clear()
    seen = []
    for rows, length in ((4, 7), (6, 11), (3, 5), (9, 13)):
        passes(backbone, rows, length, gradients=True)
        seen.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert seen[1:] == seen[1:2] * 3


def test_dropout_is_drawn_as_without_a_compiler(compiled, tiny_backbone, device):
    plain = load_backbone(str(tiny_backbone("bert")), device=device)
    states = []
    for backbone in (plain, compiled("bert")):
        ids = torch.ones((3, 6), dtype=torch.long, device=backbone.device)
        torch.manual_seed(5)
        with torch.no_grad(), backbone.training_mode():
            states.append(backbone.forward(backbone.embed(ids), ids.bool(), ids * 0, ids[:, 0] * 0))
    assert torch.equal(*states)


def test_kept_states_of_compiled_layers_are_no_others(compiled, tiny_backbone, device):
    plain = load_backbone(str(tiny_backbone("bert")), device=device)
    assert compiled("bert").forward_hash != plain.forward_hash


_LEAN = """
import sys
from ptune.backbone.lean_imports import import_leanly
import_leanly(trains=True)
import torch
from ptune.backbone.compiled import compile_layers
from ptune.backbone.load import load_backbone
backbone = compile_layers(load_backbone(sys.argv[1]), backend="aot_eager")
ids = torch.ones((2, 3), dtype=torch.long)
backbone.forward(backbone.embed(ids), ids.bool(), ids * 0, ids[:, 0] * 0)
print(torch._dynamo.utils.counters["stats"]["unique_graphs"])
"""


def test_a_process_that_has_left_the_compiler_out_compiles(tiny_backbone):
    program = [sys.executable, "-c", _LEAN, str(tiny_backbone("bert"))]
    ran = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) == len(PARTS["bert"])


def test_a_copy_that_is_tuned_is_not_compiled(compiled):
    backbone = compiled("bert")
    copied = backbone.trainable()
    assert all(part._compiled_call_impl is None for part in copied.model.modules())


def test_a_backbone_that_runs_as_a_whole_is_not_compiled(tiny_backbone):
    with pytest.raises(BackboneError, match="runs as a whole, so its layers cannot be compiled"):
        compile_layers(load_backbone(str(tiny_backbone("albert"))))
