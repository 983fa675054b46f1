"""Grids through a conductor, and trials with horizons of their own."""

import pytest

from ptune.record import events, journal
from ptune.record.events import Suggested
from ptune.searching.simulate import simulate
from support.simulated import make_job, resume, start

FULL = {"type": "none"}
COPA = {
    "parameters": {
        "method": {"value": "v2"},
        "lr": {"choices": [5e-3, 7e-3, 1e-2]},
        "length": {"choices": [4, 8, 16, 32, 64, 128]},
        "epochs": {"choices": [2, 4, 6, 8, 10, 12]},
        "batch_size": {"value": 16},
    },
    "baseline": [{"lr": 1e-2, "length": 8, "epochs": 8}],
}


def grid_job(space=COPA, trials=None, **others):
    return make_job(trials=trials, epochs=12, sampler="grid", stopping=FULL, space=space, **others)


def key(config):
    return config["lr"], config["length"], config["epochs"]


def test_the_copa_grid_is_108_trials_each_to_its_own_horizon(path):
    conductor = start(grid_job(), path)
    simulation = simulate(conductor, lambda config, epoch: config["lr"] + epoch / 100, slots=5)
    trials = conductor.history.trials
    assert len({key(trial.config) for trial in trials.values()}) == len(trials) == 108
    assert key(trials[0].config) == (1e-2, 8, 8)
    assert key(trials[1].config) == (5e-3, 4, 2)
    assert all(trial.status == "complete" and trial.epoch == trial.config["epochs"] for trial in trials.values())
    assert simulation.epochs == 18 * (2 + 4 + 6 + 8 + 10 + 12)


def test_fewer_trials_than_combinations_are_the_first_ones(path):
    conductor = start(grid_job(trials=7), path)
    simulate(conductor, lambda *_: 0.5, slots=2)
    assert [key(trial.config) for trial in conductor.history.trials.values()][1:] == [
        (5e-3, 4, epochs) for epochs in (2, 4, 6, 8, 10, 12)
    ]


def test_a_grid_taken_up_again_goes_on_with_what_is_left(path):
    conductor = start(grid_job(trials=20), path)
    for _ in range(5):
        turn = conductor.next_turn()
        for epoch in range(1, turn.config["epochs"] + 1):
            decision = conductor.report(turn.trial, epoch, {"accuracy": 0.5}, "state")
        assert decision == "finish"
    conductor._journal.close()
    again = resume(path)
    simulate(again, lambda *_: 0.5, slots=3)
    assert len({key(trial.config) for trial in again.history.trials.values()}) == 20
    assert sum(isinstance(event, Suggested) for event in journal.read(path)) == 20


def test_a_grid_over_splits_and_repeats(path):
    space = {
        "parameters": {
            "method": {"choices": ["v2", "head"]},
            "split": {"low": 0, "high": 1},
            "repeat": {"low": 0, "high": 2},
        }
    }
    conductor = start(grid_job(space, shots=16, splits=2), path)
    simulate(conductor, lambda config, _: 0.5 + 0.1 * config["repeat"] + (config["method"] == "v2"), slots=2)
    best, other = conductor.history.configurations()
    assert (best.config["method"], other.config["method"]) == ("v2", "head")
    assert best.spread.n == other.spread.n == 6
    assert best.spread.mean == pytest.approx(1.6)


def test_test_scores_decide_nothing(path):
    conductor = start(grid_job(trials=2), path)
    simulate(conductor, lambda *_: 0.5, slots=1)
    conductor.tested(1, {"accuracy": 0.9})
    assert conductor.history.trials[1].test == {"accuracy": 0.9}
    assert conductor.history.best.number == 0
    assert isinstance(journal.read(path)[-1], events.Tested)
