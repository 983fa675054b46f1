import math

import pytest

from ptune.history import History

HEADER = {"event": "search", "time": 1.0, "job": {"task": {"metric": "accuracy"}}}


def event(kind, time=2.0, **fields):
    return {"event": kind, "time": time, **fields}


def reported(trial, epoch, value):
    return event("reported", trial=trial, epoch=epoch, metrics={"accuracy": value}, state=f"{trial}-{epoch}")


def suggested(*trials):
    return [event("suggested", trial=trial, config={"length": trial}) for trial in trials]


def test_a_trial_is_followed_through_its_life():
    history = History.of([HEADER])
    seen = []
    for step in (
        *suggested(0),
        event("started", trial=0, epoch=0),
        reported(0, 1, 0.5),
        event("paused", trial=0, epoch=1),
        event("started", trial=0, epoch=1),
        reported(0, 2, 0.6),
        event("finished", time=9.0, trial=0, status="stopped", reason="others lead"),
    ):
        history.apply(step)
        seen.append(history.trials[0].status)
    assert seen == ["waiting", "running", "running", "paused", "running", "running", "stopped"]
    trial = history.trials[0]
    assert (trial.config, trial.epoch, trial.state, trial.reason) == ({"length": 0}, 2, "0-2", "others lead")
    assert (history.metric, history.started_at, history.last_at) == ("accuracy", 1.0, 9.0)


def test_runs_are_those_of_the_search_and_of_its_trials():
    runs = [event("tracked", trial=None, run_id="parent"), event("tracked", trial=0, run_id="child")]
    history = History.of([HEADER, *suggested(0), *runs])
    assert (history.run_id, history.trials[0].run_id) == ("parent", "child")


def test_a_search_that_is_taken_up_again_has_not_ended():
    history = History.of([HEADER, event("ended", status="interrupted", best=None)])
    assert history.ended is not None
    history.apply(event("resumed", versions={}))
    assert history.ended is None


@pytest.mark.parametrize(("values", "best"), [([0.5, 0.7, 0.6], 0.7), ([math.nan, 0.5, math.inf], 0.5), ([], None)])
def test_the_best_is_the_highest_finite_value(values, best):
    steps = [reported(0, epoch, value) for epoch, value in enumerate(values, 1)]
    assert History.of([HEADER, *suggested(0), *steps]).trials[0].best("accuracy") == best


def test_ranking_leaves_out_failures_and_the_unreported_and_breaks_ties_by_number():
    steps = [reported(trial, 1, value) for trial, value in ((3, 0.7), (1, 0.7), (0, 0.9), (2, -0.1))]
    failed = event("finished", trial=0, status="failed", reason="lost")
    history = History.of([HEADER, *suggested(0, 1, 2, 3, 4), *steps, failed])
    assert [trial.number for trial in history.ranked()] == [1, 3, 2]


@pytest.mark.parametrize(("selection", "epoch"), [("first", 2), ("last", 4)])
def test_the_selection_says_which_of_equal_epochs_is_kept(selection, epoch):
    header = {**HEADER, "job": {"task": {"metric": "accuracy", "selection": selection}}}
    steps = [reported(0, number, value) for number, value in enumerate((0.5, 0.8, 0.7, 0.8), 1)]
    trial = History.of([header, *suggested(0), *steps]).trials[0]
    assert trial.best_epoch("accuracy") == epoch
    assert trial.kept("accuracy") is trial.reports[epoch - 1]


def test_a_trial_has_its_own_horizon_or_the_budgets():
    header = {**HEADER, "job": {"task": {"metric": "accuracy"}, "budget": {"epochs": 9}}}
    configs = [{"epochs": 4}, {"epochs": None}, {}]
    begun = [event("suggested", trial=number, config=config) for number, config in enumerate(configs)]
    history = History.of([header, *begun])
    assert [history.horizon(trial) for trial in history.trials.values()] == [4, 9, 9]


def test_test_scores_are_kept_beside_the_trial():
    history = History.of([HEADER, *suggested(0), event("tested", trial=0, metrics={"accuracy": 0.6})])
    assert history.trials[0].test == {"accuracy": 0.6}


def test_trials_of_one_configuration_are_grouped_and_the_best_mean_leads():
    configs = [(8, 0, 0), (4, 0, 0), (8, 0, 1), (8, 1, 0), (4, 0, 1)]
    begun = [
        event("suggested", trial=number, config={"length": length, "split": split, "repeat": repeat})
        for number, (length, split, repeat) in enumerate(configs)
    ]
    steps = [reported(trial, 1, value) for trial, value in enumerate((0.9, 0.7, 0.5, 0.4, 0.8))]
    failed = event("finished", trial=3, status="failed", reason="lost")
    short, long = History.of([HEADER, *begun, *steps, failed]).groups()
    assert (short.config, [trial.number for trial in short.trials]) == ({"length": 4}, [1, 4])
    assert [trial.number for trial in long.trials] == [0, 2]
    assert long.spread("accuracy").mean == pytest.approx(0.7)
    assert long.spread("accuracy").sd == pytest.approx(math.sqrt(0.08))
    assert History.of([HEADER, *suggested(0), steps[0]]).groups()[0].spread("accuracy").sd is None
