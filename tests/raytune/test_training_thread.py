"""The training thread on a real engine, and on one that breaks."""

from concurrent.futures import wait

import pytest

from ptune.engine.fused import Engine
from ptune.errors import BackboneError, EngineError
from ptune.raytune.messages import Failed, Trained
from ptune.raytune.training import TrainingThread
from ptune.run.trial_states import TrialStates
from support.worlds import CONFIGS

V2, V1 = CONFIGS["v2 all layers"], CONFIGS["v1 anchors"]


class Maker:
    def __init__(self, world):
        self._world = world
        self.states = TrialStates(world.folder)

    def make(self, trial, config):
        return self._world.trial(trial, config)


def training(world, engine=None):
    return TrainingThread(lambda: (engine or Engine(world.backbone, 4096), Maker(world)))


def test_an_epoch_is_answered_with_its_metrics(world):
    answer = training(world).train(0, "a", V2, 1).result(60)
    assert isinstance(answer, Trained)
    assert {"accuracy", "loss", "train_loss", "lr", "seconds"} <= set(answer.metrics)
    assert (answer.epoch, answer.state) == (1, "trials/0000/state.safetensors")


def test_the_first_epoch_of_an_engine_is_answered_with_what_it_takes_of_its_machine(world):
    answer = training(world).train(0, "a", V2, 1).result(60)
    assert answer.usage["memory_usage_megabytes"] > 0


def test_many_clients_train_together_and_each_gets_its_own(world):
    thread = training(world)
    answers = {number: thread.train(number, f"t{number}", config, 2) for number, config in enumerate((V2, V1, V2))}
    wait(answers.values(), 60)
    losses = {number: answer.result().metrics["train_loss"] for number, answer in answers.items()}
    assert len(set(losses.values())) == 3


def test_epochs_that_the_saved_state_holds_are_answered_from_it(world):
    first = training(world)
    known = [first.train(0, "a", V2, epoch).result(60).metrics for epoch in (1, 2)]
    second = training(world)
    assert [second.train(0, "b", V2, epoch).result(60).metrics for epoch in (1, 2)] == known


def test_a_new_lease_starts_from_the_saved_state_even_if_the_old_one_never_left(world):
    thread = training(world)
    before = thread.train(0, "old", V2, 1).result(60)
    stale = thread.train(0, "old", V2, 3)
    assert thread.train(0, "new", V2, 1).result(60).metrics == before.metrics
    assert stale.done()
    thread.leave("old").result(60)
    assert isinstance(thread.train(0, "new", V2, 2).result(60), Trained)


def test_who_waits_on_a_lease_that_ends_is_told(world):
    thread = training(world)
    thread.ready().result(60)
    waiting = thread.train(0, "a", V2, 10_000)
    thread.leave("a").result(60)
    with pytest.raises(EngineError, match="left"):
        waiting.result(60)


def test_a_trial_that_cannot_be_made_fails_alone(world):
    thread = training(world)
    failed = thread.train(0, "a", {"method": "v2", "bananas": 1}, 1).result(60)
    assert isinstance(failed, Failed)
    assert "bananas" in failed.reason
    assert isinstance(thread.train(1, "b", V2, 1).result(60), Trained)


def test_a_trial_that_diverges_fails_alone(world):
    thread = training(world)
    wild = thread.train(0, "a", {**V2, "lr": 1e30, "clip": None, "schedule": "constant"}, 3)
    tame = thread.train(1, "b", V2, 3)
    assert isinstance(wild.result(60), Failed)
    assert "loss is" in wild.result(60).reason
    assert isinstance(tame.result(60), Trained)


def test_what_breaks_a_shared_pass_is_told_to_everyone_and_blames_nobody(world):
    class Breaking(Engine):
        def step(self):
            raise RuntimeError("device-side assert")

    thread = training(world, Breaking(world.backbone, 4096))
    answers = [thread.train(number, f"t{number}", V2, 1) for number in range(2)]
    for answer in (*answers, thread.train(2, "late", V2, 1)):
        with pytest.raises(EngineError, match="RuntimeError: device-side assert"):
            answer.result(60)


def test_what_loading_raised_is_told_to_who_asks(world):
    def load():
        raise BackboneError("gone")

    with pytest.raises(BackboneError, match="gone"):
        TrainingThread(load).ready().result(60)
