import math
from dataclasses import replace

import pytest

from ptune.errors import JournalError
from ptune.record import events
from ptune.record.events import (
    Ended,
    Finished,
    Paused,
    Reported,
    Resumed,
    Started,
    Suggested,
    Tracked,
)
from ptune.record.history import History, mean_of_draws
from ptune.spec.job import Job
from support.made_headers import header_of


def make_job(epochs=9):
    return Job.model_validate(
        {
            "name": "made",
            "backbone": {"id": "none"},
            "task": {"data": {"source": "builtin:none"}},
            "space": {"parameters": {"lr": {"value": 0.01}}},
            "budget": {"trials": 4, "epochs": epochs},
        }
    )


HEADER = header_of(make_job())


def header(metric="accuracy", selection="first", kind="classification", epochs=9):
    job = make_job(epochs=epochs).model_dump()
    task = {"kind": kind, "data": {"source": "builtin:none"}, "metric": metric, "selection": selection}
    return replace(HEADER, job=Job.model_validate(job | {"task": task}))


def reported(trial, epoch, value, metric="accuracy"):
    return Reported(trial, epoch, {metric: value}, f"{trial}-{epoch}")


def suggested(*trials):
    return [Suggested(trial, {"length": trial}) for trial in trials]


def test_a_trial_is_followed_through_its_life():
    history = History.of([HEADER])
    seen = []
    for step in (
        *suggested(0),
        Started(0, 0),
        reported(0, 1, 0.5),
        Paused(0, 1),
        Started(0, 1),
        reported(0, 2, 0.6),
        Finished(0, "stopped", "others lead", time=9.0),
    ):
        history.apply(step)
        seen.append(history.trials[0].status)
    assert seen == ["waiting", "running", "running", "paused", "running", "running", "stopped"]
    trial = history.trials[0]
    assert (trial.config, trial.epoch, trial.state, trial.reason) == ({"length": 0}, 2, "0-2", "others lead")
    assert (history.objective.metric, history.started_at, history.last_at) == ("accuracy", 0.0, 9.0)


def test_runs_are_those_of_the_search_and_of_its_trials():
    runs = [Tracked(None, "parent"), Tracked(0, "child")]
    history = History.of([HEADER, *suggested(0), *runs])
    assert (history.run_id, history.trials[0].run_id) == ("parent", "child")


def test_a_search_that_is_taken_up_again_has_not_ended():
    history = History.of([HEADER, Ended("failed")])
    assert history.status == "failed"
    history.apply(Resumed({}))
    assert history.ended is None
    assert history.status == "interrupted"


@pytest.mark.parametrize(
    ("selection", "values", "best"),
    [
        ("first", [0.5, 0.7, 0.6], 0.7),
        ("first", [math.nan, 0.5, math.inf], 0.5),
        ("first", [], None),
        ("smoothed", [0.5, 0.7, 0.6, 0.5], 0.6),
        ("smoothed", [math.nan, 0.5, math.inf], 0.5),
        ("smoothed", [], None),
    ],
)
def test_the_best_is_the_highest_finite_value_or_mean(selection, values, best):
    steps = [reported(0, epoch, value) for epoch, value in enumerate(values, 1)]
    assert History.of([header(selection=selection), *suggested(0), *steps]).trials[0].best_value == pytest.approx(best)


def test_a_trial_that_is_to_keep_an_epoch_keeps_it_whatever_others_score():
    steps = [reported(0, epoch, value) for epoch, value in enumerate((0.9, 0.5, 0.6, 0.8), 1)]
    begun = Suggested(0, {"length": 0, "keep_epoch": 3})
    trials = [History.of([HEADER, begun, *steps[:epochs]]).trials[0] for epochs in (2, 3, 4)]
    assert [(trial.best_epoch, trial.best_value) for trial in trials] == [(2, 0.5), (3, 0.6), (3, 0.6)]


def test_ranking_leaves_out_failures_and_the_unreported_and_breaks_ties_by_number():
    steps = [reported(trial, 1, value) for trial, value in ((3, 0.7), (1, 0.7), (0, 0.9), (2, -0.1))]
    failed = Finished(0, "failed", "lost")
    history = History.of([HEADER, *suggested(0, 1, 2, 3, 4), *steps, failed])
    assert [trial.number for trial in history.ranked()] == [1, 3, 2]


@pytest.mark.parametrize(("selection", "epoch"), [("first", 2), ("last", 4)])
def test_the_selection_says_which_of_equal_epochs_is_kept(selection, epoch):
    steps = [reported(0, number, value) for number, value in enumerate((0.5, 0.8, 0.7, 0.8), 1)]
    trial = History.of([header(selection=selection), *suggested(0), *steps]).trials[0]
    assert trial.best_epoch == epoch
    assert trial.best_report is trial.reports[epoch - 1]


def test_a_trial_has_its_own_horizon_or_the_budgets():
    configs = [{"epochs": 4}, {"epochs": None}, {}]
    begun = [Suggested(number, config) for number, config in enumerate(configs)]
    history = History.of([header(epochs=9), *begun])
    assert [history.horizon(trial) for trial in history.trials.values()] == [4, 9, 9]


def test_test_scores_are_kept_beside_the_trial():
    history = History.of([HEADER, *suggested(0), events.Tested(0, {"accuracy": 0.6})])
    assert history.trials[0].test == {"accuracy": 0.6}


def test_trials_of_one_configuration_are_grouped_and_the_best_mean_leads():
    configs = [(8, 0, 0), (4, 0, 0), (8, 0, 1), (8, 1, 0), (4, 0, 1)]
    begun = [
        Suggested(number, {"length": length, "split": split, "repeat": repeat})
        for number, (length, split, repeat) in enumerate(configs)
    ]
    steps = [reported(trial, 1, value) for trial, value in enumerate((0.9, 0.7, 0.5, 0.4, 0.8))]
    failed = Finished(3, "failed", "lost")
    short, long = History.of([HEADER, *begun, *steps, failed]).configurations()
    assert (short.config, [trial.number for trial in short.trials]) == ({"length": 4}, [1, 4])
    assert [trial.number for trial in long.trials] == [0, 2]
    assert long.spread.mean == pytest.approx(0.7)
    assert long.spread.sd == pytest.approx(math.sqrt(0.08))
    assert History.of([HEADER, *suggested(0), steps[0]]).configurations()[0].spread.sd is None


def test_over_few_shot_draws_the_commonest_answer_scores_the_mean_of_their_dev_splits():
    draws = {0: 0.5, 1: 0.625, 2: 0.75}
    begun = [Suggested(number, {"length": number, "split": number % 3}) for number in range(5)]
    steps = [
        replace(step, metrics={**step.metrics, "majority_baseline": draws[step.trial % 3]})
        for step in (reported(number, 1, 0.9 - number / 10) for number in range(5))
    ]
    history = History.of([HEADER, *begun, *steps])
    assert history.majority_baseline == pytest.approx(0.625)
    tested = [(trial.config, {"majority_baseline": 0.25}) for trial in history.trials.values()]
    assert mean_of_draws(tested) == 0.25
    assert mean_of_draws([(history.trials[0].config, {"f1": 0.3})]) is None


def test_a_journal_that_does_not_say_what_is_searched_has_no_header():
    with pytest.raises(JournalError, match="does not say yet what is searched"):
        _ = History().header
    with pytest.raises(JournalError, match="does not say yet what is searched"):
        History.of(suggested(0))


def test_what_runs_when_a_search_ends_is_interrupted_until_it_starts_again():
    under_way = [HEADER, *suggested(0, 1), Started(0, 0), Started(1, 0), Paused(1, 1)]
    for end in (Ended("interrupted"), events.Resumed({})):
        history = History.of([*under_way, end])
        assert [trial.status for trial in history.trials.values()] == ["interrupted", "paused"]
        history.apply(Started(0, 0))
        assert history.trials[0].status == "running"


@pytest.mark.parametrize(
    "event", [Started(7, 0), reported(7, 1, 0.5), Paused(7, 1), events.Tested(7, {}), Tracked(7, "a")]
)
def test_what_happens_to_a_trial_that_was_never_suggested_is_refused(event):
    with pytest.raises(JournalError, match="trial 7 was never suggested"):
        History.of([HEADER, *suggested(0), event])


def test_a_report_without_the_objectives_metric_is_refused():
    with pytest.raises(JournalError, match="trial 0 reports epoch 2 without accuracy"):
        History.of([HEADER, *suggested(0), reported(0, 1, 0.5), reported(0, 2, 0.5, metric="f1")])
