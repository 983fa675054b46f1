"""Invariants 1, 3 and 4 with the frozen weights in bfloat16: a search comes to the same ranking, packed or alone.

bfloat16 has eight bits of precision, so numbers are near, not equal. The tolerances below are about three times the
most that differs on four random backbones and data sets, with AVX-512 and with AVX2; that of accuracy is in examples.
A processor that only emulates products in bfloat16 takes many times as long over them: all is as small as a clear
ranking allows.
"""

from dataclasses import dataclass, field, replace
from functools import cache
from itertools import combinations

import pytest
import torch

from ptune.backbone.cache import StateCache
from ptune.backbone.load import load_backbone
from ptune.data.sources import Splits
from ptune.engine.fused import Engine
from ptune.engine.reference import predict_alone, train_alone
from ptune.tasks.joint import JointTask
from support.families import make_backbone
from support.worlds import World, sentences

pytestmark = pytest.mark.gpu

EPOCHS = 4
ROWS = 80
DEV_LOSS = 0.0025
"""A dev loss in bfloat16 differs by less from the same in float32, where losses are near 0.65."""
STEP_LOSS = 0.006
"""A mini-batch's loss, packed, differs by less from the same trial's alone, both in bfloat16."""
DECIDED = 0.0025
"""Trials whose dev losses differ by more in float32 are ordered the same in bfloat16."""
ACCURACY = 3 / ROWS
"""Share of the dev examples that may be answered otherwise and not make up for each other."""

CONFIGS = {
    "v2 far too slow": {"method": "v2", "length": 6, "lr": 1e-6, "batch_size": 16},
    "v2 slow": {"method": "v2", "length": 6, "lr": 3e-3, "batch_size": 16},
    "v2 all layers": {"method": "v2", "length": 6, "lr": 2e-2, "batch_size": 16},
    "v2 upper half": {"method": "v2", "length": 10, "depth": 2, "lr": 1e-2, "batch_size": 16},
    "v2 last layer": {"method": "v2", "length": 3, "depth": 1, "lr": 1e-2, "batch_size": 16},
    "v2 first layer": {"method": "v2", "length": 4, "depth": 1, "side": "first", "lr": 1e-2, "batch_size": 16},
    "v1": {"method": "v1", "length": 4, "encoder": "mlp", "template": "around", "lr": 3e-3, "batch_size": 16},
    "head": {"method": "head", "lr": 3e-2, "batch_size": 16},
}
ALONE = ("v2 all layers", "v2 last layer", "v1")


@dataclass(frozen=True)
class Recorded(JointTask):
    """A task that remembers the loss of every mini-batch."""

    losses: list[float] = field(default_factory=list)

    def loss(self, scored):
        loss = super().loss(scored)
        self.losses.append(loss.item())
        return loss


@dataclass(frozen=True)
class Trained:
    """What came of training all of `CONFIGS` together."""

    world: World
    plans: dict
    """By name; their tasks hold the losses of every step."""
    final: dict
    """The last report, by name."""
    before: dict
    """A copy of the backbone's weights as they were loaded."""


def recorded(world, name):
    """A trial and its learner; its task is a `Recorded`."""
    plan, learner = world.trial(list(CONFIGS).index(name), CONFIGS[name])
    return replace(plan, task=Recorded(plan.task.kinds, plan.task.names)), learner


@pytest.fixture(scope="module")
def searched(tmp_path_factory, device):
    """A function from a type to a search with frozen weights of that type, hidden states kept."""
    folder = tmp_path_factory.mktemp("bfloat16")
    sizes = {"hidden_size": 64, "num_hidden_layers": 4, "intermediate_size": 64, "initializer_range": 0.1}
    model = str(make_backbone("bert", folder / "bert", **sizes))
    splits = Splits(sentences(ROWS, 1), sentences(ROWS, 2), None, ["no", "yes"])

    @cache
    def search(dtype):
        backbone = replace(load_backbone(model, dtype=dtype, device=device), cache=StateCache(folder / "states", 10**9))
        before = {name: tensor.clone() for name, tensor in backbone.module_dict().state_dict().items()}
        world = World(backbone, splits, folder / dtype, horizon=EPOCHS)
        engine, plans, final = Engine(backbone, token_budget=4_000), {}, {}
        for number, name in enumerate(CONFIGS):
            plans[name], learner = recorded(world, name)
            engine.join(plans[name], learner)
            engine.advance(number, EPOCHS)
        while engine.busy:
            final |= {list(CONFIGS)[one.trial]: one.metrics for one in engine.step() if one.epoch == EPOCHS}
        return Trained(world, plans, final, before)

    return search


@pytest.fixture(scope="module")
def full(searched):
    return searched("float32")


@pytest.fixture(scope="module")
def half(searched):
    return searched("bfloat16")


def test_the_configurations_differ_clearly(full):
    losses = [full.final[name]["loss"] for name in CONFIGS]
    assert max(losses) - min(losses) > 10 * DEV_LOSS
    decided = [pair for pair in combinations(losses, 2) if abs(pair[0] - pair[1]) > DECIDED]
    assert len(decided) >= 24, "of 28 pairs"


def test_trials_rank_in_bfloat16_as_they_do_in_float32(full, half):
    for one, other in combinations(CONFIGS, 2):
        margin = full.final[one]["loss"] - full.final[other]["loss"]
        if abs(margin) > DECIDED:
            assert (half.final[one]["loss"] < half.final[other]["loss"]) == (margin < 0), (one, other)


@pytest.mark.parametrize("name", CONFIGS)
def test_metrics_in_bfloat16_are_near_those_in_float32(full, half, name):
    assert half.final[name]["loss"] == pytest.approx(full.final[name]["loss"], abs=DEV_LOSS)
    assert half.final[name]["accuracy"] == pytest.approx(full.final[name]["accuracy"], abs=ACCURACY)
    assert half.final[name]["loss"] != full.final[name]["loss"], "the weights are of another type"


@pytest.mark.parametrize("name", ALONE)
def test_a_trial_packed_in_bfloat16_is_near_the_trial_alone(half, name):
    plan, learner = recorded(half.world, name)
    losses = train_alone(half.world.backbone, learner, plan, EPOCHS)
    metrics = plan.task.measure(predict_alone(half.world.backbone, learner, plan, plan.dev), plan.dev)
    assert half.plans[name].task.losses == pytest.approx(losses, abs=STEP_LOSS)
    assert half.final[name]["loss"] == pytest.approx(metrics["loss"], abs=DEV_LOSS)
    assert half.final[name]["accuracy"] == pytest.approx(metrics["accuracy"], abs=ACCURACY)


def test_the_backbone_in_bfloat16_stays_byte_identical_under_kept_states(half):
    after = half.world.backbone.module_dict().state_dict()
    assert {tensor.dtype for tensor in half.world.backbone.parameters()} == {torch.bfloat16}
    assert len(list((half.world.folder.parent / "states").glob("*.states"))) > 0
    assert after.keys() == half.before.keys()
    for name, tensor in after.items():
        assert torch.equal(tensor.view(torch.uint8), half.before[name].view(torch.uint8)), name
    assert not any(parameter.requires_grad for parameter in half.world.backbone.parameters())
