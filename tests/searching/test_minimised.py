"""A search for the least loss: sampler, rungs and importances choose what is low."""

import math
import statistics

import pytest

from ptune.record import journal
from ptune.record.history import History
from ptune.searching.importance import importances
from ptune.searching.simulate import simulate
from support.simulated import ceiling, make_job, resume, start


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)


def loss(config, epoch):
    """A loss that falls towards what the configuration can reach."""
    return 1.0 - ceiling(config) + 0.3 * math.exp(-epoch / 3)


def played(path, **options):
    conductor = start(make_job(metric="loss", **options), path / "journal.jsonl")
    simulate(conductor, loss, slots=4)
    return conductor


def test_the_lowest_of_those_at_a_rung_go_on_to_the_horizon(tmp_path):
    conductor = played(tmp_path, trials=9, sampler="random")
    trials = sorted(conductor.history.trials.values(), key=lambda trial: trial.reports[0]["loss"])
    assert conductor.history.best.number == trials[0].number
    assert trials[0].status == "complete"
    assert trials[0].best_epoch == trials[0].epoch == 9
    assert [trial.status for trial in trials[-3:]] == ["stopped"] * 3
    ranked = [trial.best_value for trial in conductor.history.ranked()]
    assert ranked == sorted(ranked)


def test_the_sampler_proposes_low_losses(tmp_path):
    conductor = played(tmp_path, trials=60, epochs=3)
    values = [1.0 - ceiling(trial.config) for trial in conductor.history.trials.values()]
    assert statistics.fmean(values[-20:]) < 0.8 * statistics.fmean(values[:10])


def test_what_decides_the_loss_matters_most(tmp_path):
    conductor = played(tmp_path, trials=40, epochs=3)
    assert next(iter(importances(conductor.history))) == "lr"


def test_a_search_taken_up_again_ends_with_the_least_loss_of_all(tmp_path):
    path = tmp_path / "journal.jsonl"
    conductor = start(make_job(metric="loss", trials=12), path)
    for _ in range(5):
        turn = conductor.next_turn()
        for epoch in range(turn.epoch + 1, 10):
            if conductor.report(turn.trial, epoch, {"loss": loss(turn.config, epoch)}, "state") != "continue":
                break
    conductor._journal.close()
    again = resume(path)
    simulate(again, loss, slots=2)
    assert again.done
    assert again.history.best.best_value == min(trial.best_value for trial in again.history.trials.values())
    assert again.history == History.of(journal.read(path))
