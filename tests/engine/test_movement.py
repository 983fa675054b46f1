"""How far a prompt has come: in what it gives the backbone, and the same whoever shares its passes."""

import shutil

import pytest
import torch

from ptune.engine.fused import Engine
from ptune.engine.movement import Movement
from ptune.engine.reference import train_alone
from support.closeness import near
from support.worlds import CONFIGS, World

NAMES = ("v2 all layers", "v2 mlp", "v1 lstm before", "prompt tuning, text")


def trained(world: World, config: dict, epochs: int, trial: int = 0) -> list[dict[str, float]]:
    engine = Engine(world.backbone, 100_000)
    plan, learner = world.trial(trial, config)
    engine.join(plan, learner)
    engine.advance(trial, epochs)
    reports = []
    while engine.busy:
        reports += [outcome.metrics for outcome in engine.step()]
    return reports


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_distance_between_the_first_prompt_and_the_last(world, name):
    reported = trained(world, CONFIGS[name], 1)[-1]["prompt_moved"]
    plan, learner = world.trial(0, CONFIGS[name])
    start = learner.collapsed()["prompt.0"]
    train_alone(world.backbone, learner, plan, 1)
    end = learner.collapsed()["prompt.0"]
    usual = 0.02 * start.numel() ** 0.5
    assert reported == near(float((end - start).norm()) / max(float(start.norm()), usual))
    assert reported > 0.01


def test_a_prompt_that_starts_near_zero_is_measured_by_the_length_that_prompts_usually_have(world):
    _, learner = world.trial(0, CONFIGS["v2 all layers"])
    with torch.no_grad():
        learner.prompt().encoder.table.zero_()
        movement = Movement(learner)
        assert movement.of(learner) == 0.0
        learner.prompt().encoder.table.fill_(0.02)
    assert movement.of(learner) == pytest.approx(1.0)


def test_a_rate_near_zero_moves_a_prompt_by_almost_nothing(world):
    assert trained(world, CONFIGS["v2 all layers"] | {"lr": 1e-7}, 2)[-1]["prompt_moved"] < 1e-3


def test_what_has_no_prompt_reports_nothing(world):
    assert "prompt_moved" not in trained(world, CONFIGS["head"], 1)[-1]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_measured_from_the_first_start_after_a_resumption(world, name):
    unbroken = [metrics["prompt_moved"] for metrics in trained(world, CONFIGS[name], 3, trial=1)]
    shutil.rmtree(world.folder / "trials" / "0001")
    trained(world, CONFIGS[name], 1, trial=1)
    resumed = [metrics["prompt_moved"] for metrics in trained(world, CONFIGS[name], 3, trial=1)]
    assert resumed == unbroken[1:]
