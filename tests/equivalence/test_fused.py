"""Invariants 1, 2, 3 and 5: a packed trial is the trial alone; only the learner changes; resuming is exact."""

import hashlib
from functools import partial

import pytest
import torch

from ptune.engine.evaluate import measure
from ptune.engine.fused import Engine, Failure, Report
from ptune.engine.reference import class_scores, predict_alone, train_alone
from ptune.engine.state import read
from ptune.prompts.forward import Group
from ptune.prompts.forward import class_scores as packed_scores
from ptune.prompts.learner import Learner
from worlds import CONFIGS, World

EPOCHS = 3


def run(engine: Engine, goals: dict[int, int]) -> list[Report | Failure]:
    """Advance trials to their goals and return everything that came to an end."""
    outcomes = [report for trial, epoch in goals.items() if (report := engine.advance(trial, epoch))]
    while engine.busy:
        outcomes += engine.step()
    return outcomes


def alone(world: World, number: int, config: dict, epochs: int = EPOCHS) -> tuple[Learner, list[float], float]:
    """Train one trial by the reference; return its learner, every step's loss and the final dev accuracy."""
    plan, learner = world.trial(number, config)
    losses = train_alone(world.backbone, learner, plan.recipe, plan.train, plan.seed, number, plan.horizon, epochs)
    return learner, losses, measure(predict_alone(world.backbone, learner, plan.dev), plan.dev.labels)["accuracy"]


def test_one_packed_pass_gives_every_trial_its_own_losses_and_gradients(world):
    trials = [world.trial(number, config) for number, config in enumerate(CONFIGS.values())]
    generators = [torch.Generator().manual_seed(number) for number in range(len(trials))]
    groups = [
        Group(learner, plan.train, range_of(plan.recipe.batch_size), plan.recipe.head_dropout, generator)
        for (plan, learner), generator in zip(trials, generators, strict=True)
    ]
    losses = [torch.nn.functional.cross_entropy(*result) for result in packed_scores(world.backbone, groups)]
    torch.stack(losses).sum().backward()

    for number, (config, packed) in enumerate(zip(CONFIGS.values(), groups, strict=True)):
        plan, learner = world.trial(number, config)
        generator = torch.Generator().manual_seed(number)
        dropout = plan.recipe.head_dropout
        scores = class_scores(world.backbone, learner, plan.train, packed.indices, dropout, generator)
        loss = torch.nn.functional.cross_entropy(scores, torch.as_tensor(plan.train.labels[packed.indices]))
        loss.backward()
        torch.testing.assert_close(losses[number], loss, rtol=0, atol=1e-5)
        pairs = zip(packed.learner.named_parameters(), learner.parameters(), strict=True)
        for (name, fused), reference in pairs:
            torch.testing.assert_close(
                fused.grad, reference.grad, rtol=1e-4, atol=1e-6, msg=partial("{}: {}".format, name)
            )


def range_of(count: int):
    return torch.arange(count).numpy()


def test_a_whole_training_equals_the_reference_whoever_the_neighbours_are(world):
    engine = Engine(world.backbone, token_budget=2_000)
    trained = {}
    for number, config in enumerate(CONFIGS.values()):
        plan, learner = world.trial(number, config)
        engine.join(plan, learner)
        trained[number] = learner
    outcomes = run(engine, dict.fromkeys(trained, EPOCHS))
    final = {outcome.trial: outcome.metrics for outcome in outcomes if outcome.epoch == EPOCHS}

    for number, config in enumerate(CONFIGS.values()):
        learner, losses, accuracy = alone(world, number, config)
        last_epoch = losses[-len(losses) // EPOCHS :]
        assert final[number]["train_loss"] == pytest.approx(sum(last_epoch) / len(last_epoch), abs=1e-5)
        assert final[number]["accuracy"] == accuracy
        for name, tensor in learner.collapsed().items():
            found = trained[number].collapsed()[name]
            torch.testing.assert_close(found, tensor, rtol=0, atol=1e-5, msg=partial("{} {}: {}".format, number, name))


def test_arrival_order_and_neighbours_change_nothing(world):
    config = CONFIGS["v2 longer, dropout"]
    first = Engine(world.backbone, token_budget=2_000)
    first.join(*world.trial(4, config))
    solo = run(first, {4: 2})

    second = Engine(world.backbone, token_budget=2_000)
    (world.folder / "trials" / "0004" / "state.safetensors").unlink()
    second.join(*world.trial(0, CONFIGS["v1 lstm before"]))
    run(second, {0: 1})
    second.join(*world.trial(4, config))
    second.join(*world.trial(2, CONFIGS["head"]))
    packed = [outcome for outcome in run(second, {0: 3, 4: 2, 2: 2}) if outcome.trial == 4]

    assert [report.metrics["accuracy"] for report in packed] == [report.metrics["accuracy"] for report in solo]
    assert [report.metrics["loss"] for report in packed] == pytest.approx(
        [report.metrics["loss"] for report in solo], abs=1e-5
    )


def test_the_backbone_stays_byte_identical(world):
    before = fingerprint(world.backbone.model)
    engine = Engine(world.backbone, token_budget=2_000)
    for number, config in enumerate(CONFIGS.values()):
        engine.join(*world.trial(number, config))
    run(engine, dict.fromkeys(range(len(CONFIGS)), 1))
    assert fingerprint(world.backbone.model) == before


def fingerprint(module: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for tensor in module.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("name", CONFIGS)
def test_restored_and_continued_equals_never_stopped(world, name):
    state = world.folder / "trials" / "0003" / "state.safetensors"
    unbroken = Engine(world.backbone, token_budget=2_000)
    unbroken.join(*world.trial(3, CONFIGS[name]))
    expected = run(unbroken, {3: 4})
    _, expected_tensors = read(state)
    state.unlink()

    for goal in (1, 3, 4):  # three processes' worth of engines, each from what the one before left on disk
        engine = Engine(world.backbone, token_budget=2_000)
        engine.join(*world.trial(3, CONFIGS[name]))
        reports = run(engine, {3: goal})
    about, tensors = read(state)

    assert reports[-1].metrics["loss"] == expected[-1].metrics["loss"]
    assert len(about["history"]) == 4
    assert tensors.keys() == expected_tensors.keys()
    assert all(torch.equal(tensors[key], expected_tensors[key]) for key in tensors)
