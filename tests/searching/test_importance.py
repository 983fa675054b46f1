import warnings

import pytest

from ptune.record.history import History, TrialRecord
from ptune.searching.importance import importances
from ptune.searching.study import Study
from ptune.spec.budget import Budget
from ptune.spec.space import Space
from support.made_headers import header_of
from support.simulated import LAYERS, SPACE, make_job

RESOLVED = Space(**SPACE).resolved(LAYERS)


def history_of(count, value, status="complete"):
    study = Study(RESOLVED, Budget(trials=count, epochs=9, sampler="random"), seed=1, trials=count)
    history = History(header_of(make_job(), LAYERS))
    for number in range(count):
        config = study.ask(number)
        history.trials[number] = TrialRecord(number, config, history.objective, status, [{"accuracy": value(config)}])
    return history


def test_what_decides_the_value_ranks_first():
    shares = importances(history_of(40, lambda config: -config["lr"]))
    assert next(iter(shares)) == "lr"
    assert sum(shares.values()) == pytest.approx(1.0)


def test_definitions_of_one_parameter_are_summed_under_its_name():
    shares = importances(history_of(60, lambda config: -config["length"]))
    assert set(shares) == {"method", "length", "encoder", "depth", "dropout", "lr"}
    assert shares["length"] + shares["method"] > 0.5


@pytest.mark.parametrize("status", ["failed", "running", "paused"])
def test_only_finished_trials_count(status):
    assert importances(history_of(20, lambda config: config["lr"], status)) == {}


def test_too_few_trials_or_no_difference_say_nothing():
    assert importances(history_of(7, lambda config: config["lr"])) == {}
    assert importances(history_of(20, lambda _: 0.5)) == {}


@pytest.mark.parametrize("count", [8, 12, 25])
def test_small_searches_are_told_apart_quietly(count):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert importances(history_of(count, lambda config: config["lr"]))
