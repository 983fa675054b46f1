"""Invariant 7: a pass that memory does not hold is taken back and made smaller; numbers stay what they are."""

from dataclasses import replace

import pytest
import torch

from ptune.engine import fused
from ptune.engine.fused import Engine, Failure
from ptune.prompts import forward
from support.closeness import near
from support.worlds import finish

pytestmark = pytest.mark.gpu

CONFIGS = [
    {"method": "v2", "length": 4, "dropout": 0.2, "batch_size": 8, "head_dropout": 0.1},
    {"method": "v2", "length": 6, "lr": 0.02, "batch_size": 8},
    {"method": "v1", "length": 3, "encoder": "embedding", "batch_size": 8},
]


@pytest.fixture
def memory(monkeypatch):
    """A device that holds so many rows of a pass, or more without what its layers compute; counts refusals."""
    real = fused.forward

    class Memory:
        rows = checkpointed = 10**9
        refused = 0
        never = ()  # splits of which not even one example fits

        def __call__(self, backbone, groups):
            rows = sum(len(group.rows) for group in groups)
            most = self.checkpointed if backbone.checkpointing == "always" else self.rows
            if rows > most or any(group.examples is split for group in groups for split in self.never):
                self.refused += 1
                raise torch.OutOfMemoryError("too many rows")
            return real(backbone, groups)

    memory = Memory()
    for module in (fused, forward):  # where an engine trains, and where it scores
        monkeypatch.setattr(module, "forward", memory)
    return memory


def trained(world, folder, configs=CONFIGS):
    engine = Engine(world.backbone, token_budget=2000)
    for trial, config in enumerate(configs):
        plan, learner = world.trial(trial, config)
        engine.join(replace(plan, state_path=folder / f"{trial}.safetensors"), learner)
        engine.advance(trial, 2)
    found = finish(engine)
    return engine, found


def test_smaller_passes_give_the_same_numbers(world, memory, tmp_path):
    _, roomy = trained(world, tmp_path / "roomy")
    memory.rows = memory.checkpointed = 9
    engine, tight = trained(world, tmp_path / "tight")
    assert memory.refused > 0
    assert engine.token_budget < 2000
    expected = {(one.trial, one.epoch): one.metrics for one in roomy}
    for one in tight:
        assert one.metrics["train_loss"] == near(expected[one.trial, one.epoch]["train_loss"])
        assert one.metrics["accuracy"] == expected[one.trial, one.epoch]["accuracy"]


def test_only_a_trial_that_cannot_fit_alone_fails(world, memory, tmp_path):
    engine = Engine(world.backbone, token_budget=2000)
    for trial, config in enumerate(CONFIGS):
        plan, learner = world.trial(trial, config)
        memory.never = memory.never or [plan.train]
        engine.join(replace(plan, state_path=tmp_path / f"{trial}.safetensors"), learner)
        engine.advance(trial, 1)
    found = finish(engine)
    (failure,) = [one for one in found if isinstance(one, Failure)]
    assert failure.trial == 0
    assert "an example of its training split, 1 rows of" in str(failure.error)
    assert sorted(one.trial for one in found if not isinstance(one, Failure)) == [1, 2]


@pytest.mark.parametrize("checkpointing", ["auto", "never"])
def test_what_does_not_fit_alone_is_checkpointed_before_it_fails(world, memory, tmp_path, checkpointing, caplog):
    _, roomy = trained(world, tmp_path / "roomy")
    memory.rows, memory.checkpointed = 0, 8
    allowed = replace(world, backbone=replace(world.backbone, checkpointing=checkpointing))
    engine, tight = trained(allowed, tmp_path / "tight")
    if checkpointing == "never":
        assert sorted(one.trial for one in tight if isinstance(one, Failure)) == [0, 1, 2]
        return
    assert engine.backbone.checkpointing == "always"
    assert caplog.text.count("1 rows of") == 1
    assert engine.token_budget > 13  # the width of the example that did not fit: passes have grown again
    expected = {(one.trial, one.epoch): one.metrics for one in roomy}
    assert len(tight) == len(roomy)
    for one in tight:
        assert one.metrics["train_loss"] == near(expected[one.trial, one.epoch]["train_loss"])
        assert one.metrics["accuracy"] == expected[one.trial, one.epoch]["accuracy"]


def test_a_tuned_backbone_is_not_checkpointed(world, memory, tmp_path):
    memory.rows, memory.checkpointed = 0, 8
    engine, found = trained(world, tmp_path, [{"method": "head", "backbone_lr": 1e-3, "batch_size": 8}])
    assert [type(one) for one in found] == [Failure]
    assert engine.backbone.checkpointing == "auto"


def test_a_dev_split_that_memory_never_holds_fails_its_trial_alone(world, memory, tmp_path):
    plan, learner = world.trial(0, CONFIGS[1])
    memory.never = [plan.dev]
    engine = Engine(world.backbone, token_budget=2000)
    engine.join(replace(plan, state_path=tmp_path / "0"), learner)
    engine.advance(0, 1)
    found = finish(engine)
    assert [type(one) for one in found] == [Failure]
    assert "an example of its dev split, 1 rows" in str(found[0].error)
    assert (engine.occupied, engine.token_budget) == (0, 2000)
