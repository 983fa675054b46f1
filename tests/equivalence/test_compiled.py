"""Trials on compiled layers reach the numbers of trials on the layers as they are."""

from dataclasses import replace

import pytest
import torch

from ptune.backbone.compiled import compile_layers
from ptune.backbone.load import load_backbone
from ptune.engine.fused import Engine
from ptune.engine.reference import predict_alone, train_alone
from ptune.errors import BackboneError
from support.closeness import near
from support.worlds import CONFIGS, finish

pytestmark = pytest.mark.gpu

EPOCHS = 2
NAMES = ["v2 all layers", "v2 longer, dropout", "v1 mlp around", "head"]
PARTS = {"bert": ["BertSelfOutput", "BertIntermediate", "BertOutput"], "llama": ["LlamaMLP", "LlamaRMSNorm"]}


@pytest.fixture
def compiled(tiny_backbone, device):
    """A function from a family to a tiny backbone of its own, compiled as far as gradients without a compiler."""

    def make(family):
        backbone = load_backbone(str(tiny_backbone(family)), device=device)
        assert compile_layers(backbone, backend="aot_eager") > 0
        return backbone

    return make


@pytest.mark.parametrize("family", PARTS)
def test_all_but_attention_is_compiled(family, compiled):
    backbone = compiled(family)
    parts = {type(part).__name__ for part in backbone.model.modules() if part._compiled_call_impl is not None}
    assert parts == set(PARTS[family])


@pytest.mark.parametrize("family", PARTS)
def test_trials_together_are_each_the_trial_alone_on_plain_layers(family, compiled, world, tiny_backbone, device):
    world = replace(world, backbone=compiled(family))
    engine, learners = Engine(world.backbone, token_budget=2_000), []
    for number, name in enumerate(NAMES):
        plan, learner = world.trial(number, CONFIGS[name])
        engine.join(plan, learner)
        learners.append(learner)
        engine.advance(number, EPOCHS)
    final = {report.trial: report.metrics for report in finish(engine) if report.epoch == EPOCHS}
    plain = replace(world, backbone=load_backbone(str(tiny_backbone(family)), device=device))
    for number, name in enumerate(NAMES):
        plan, learner = plain.trial(number, CONFIGS[name])
        losses = train_alone(plain.backbone, learner, plan, EPOCHS)
        last = losses[-len(losses) // EPOCHS :]
        assert final[number]["train_loss"] == near(sum(last) / len(last)), name
        metrics = plan.task.measure(predict_alone(plain.backbone, learner, plan, plan.dev), plan.dev)
        assert final[number]["loss"] == near(metrics["loss"]), name


def test_other_lengths_need_no_other_code(compiled, device):
    """Rows and lengths are symbols: after two shapes, a third one is not compiled again."""
    backbone = compiled("bert")
    torch._dynamo.utils.counters.clear()
    seen = []
    for rows, length in ((4, 7), (6, 11), (3, 5), (9, 13)):
        ids = torch.ones((rows, length), dtype=torch.long, device=device)
        with torch.no_grad():
            backbone.forward(backbone.embed(ids), ids.bool(), ids * 0, ids[:, 0] * 0)
        seen.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert seen[1:] == seen[1:2] * 3


def test_a_copy_that_is_tuned_is_not_compiled(compiled):
    backbone = compiled("bert")
    copied = backbone.trainable()
    assert all(part._compiled_call_impl is None for part in copied.model.modules())


def test_a_backbone_that_runs_as_a_whole_is_not_compiled(tiny_backbone):
    with pytest.raises(BackboneError, match="runs as a whole, so its layers cannot be compiled"):
        compile_layers(load_backbone(str(tiny_backbone("albert"))))
