"""What the charts draw: the right numbers, and nothing where there is none."""

import json

import pytest

from ptune.report.charts.axis import NOT_USED, axis_of, searched_axes
from ptune.report.charts.best_so_far import best_so_far, steps
from ptune.report.charts.cost import by_epoch, cost_of
from ptune.report.charts.curves import learning_curves, levels
from ptune.report.charts.parallel import BELOW, parallel, places, result_axis
from ptune.report.charts.table import pareto_front, tables
from support.made_histories import Made, history_of, report, trial
from support.played import make_job, play

SPACE = {
    "method": {"choices": ["v1", "v2"]},
    "lr": {"low": 1e-4, "high": 1e-1, "log": True},
    "depth": {"low": 1, "high": 6, "when": {"method": "v2"}},
}


def costing(accuracy, parameters, seconds):
    return Made(
        {"method": "v2", "lr": 0.01, "length": 16},
        [report(accuracy, trainable_parameters=float(parameters), seconds=float(seconds))],
    )


def test_the_best_so_far_rises_with_each_better_trial_and_never_falls():
    history = history_of([trial(value) for value in (0.6, 0.5, 0.7, 0.7, 0.65, 0.8)])
    assert [(step.trial, step.value) for step in steps(history)] == [(0, 0.6), (2, 0.7), (5, 0.8)]


def test_the_best_so_far_of_a_loss_falls():
    history = history_of([trial(value) for value in (0.6, 0.5, 0.7)], task={"metric": "loss", "data": {"source": "x"}})
    assert [(step.trial, round(step.value, 6)) for step in steps(history)] == [(0, 0.6), (2, 0.5)]


def test_the_best_so_far_of_folds_is_the_best_mean_of_a_configuration_that_has_them_all():
    folds = {"data": {"source": "x", "folds": 2}}
    values = [(0.01, 0, 0.9), (0.01, 1, 0.5), (0.02, 0, 0.8), (0.02, 1, 0.8), (0.03, 0, 0.95)]
    trials = [
        Made({"method": "v2", "lr": lr, "length": 16, "split": fold}, [report(value)]) for lr, fold, value in values
    ]
    history = history_of(trials, task=folds, budget={"trials": 3, "epochs": 1, "stopping": {"type": "none"}})
    assert [(step.trial, round(step.value, 6)) for step in steps(history)] == [(1, 0.7), (3, 0.8)]
    figure = best_so_far(history)
    assert (
        "best mean over the folds of accuracy on dev rose from 0.7000 in trial 1 to 0.8000 in trial 3"
        in figure.alternative
    )
    assert "Each is one fold of a configuration" in figure.caption
    curves = learning_curves(history)
    assert "The best configuration, trials 2, 3, reaches 0.8000 over its folds." in curves.alternative
    assert "Each curve is one fold of a configuration." in curves.caption


def test_short_axes_of_epochs_and_trials_have_a_tick_at_each_and_none_between():
    reports = [report(value) for value in (0.5, 0.6, 0.7)]
    history = history_of([Made({"method": "v2", "lr": 0.01, "length": 16}, reports)] * 2)
    for figure, ticks in ((learning_curves(history), [1, 2, 3]), (best_so_far(history), [0, 1])):
        content = json.dumps(figure.chart.to_dict())
        assert f'"values": {ticks}' in content
        assert "tickMinStep" not in content


def test_the_front_holds_whom_nobody_beats_in_all_three():
    trials = [
        costing(0.9, 1000, 10),  # the best
        costing(0.8, 1000, 20),  # worse and slower than the first
        costing(0.8, 100, 20),  # smaller than the first
        costing(0.7, 1000, 5),  # quicker than the first
        costing(0.7, 1000, 6),  # slower than the one before
        costing(0.9, 2000, 10),  # as good as the first, and larger
        costing(0.8, 100, 20),  # the same as an earlier one
    ]
    assert [trial.number for trial in pareto_front(history_of(trials))] == [0, 2, 3]


def test_of_trials_with_the_same_result_the_cheaper_one_leads_though_it_came_later():
    history = history_of([costing(0.9, 2000, 10), costing(0.9, 1000, 10)])
    assert [trial.number for trial in pareto_front(history)] == [1]


def test_early_stopping_saves_what_stopped_trials_were_spared():
    job = {"epochs": 9, "trials": 4, "stopping": {"type": "asha", "eta": 3, "grace": 1}}
    reports = [report()] * 9
    config = {"method": "v2", "lr": 0.01, "length": 16}
    history = history_of(
        [
            Made(config, reports),
            Made(config, reports[:1], "stopped"),
            Made(config, reports[:3], "stopped"),
            Made(config, reports[:2], "failed"),
        ],
        budget=job,
    )
    spent = cost_of(history)
    assert (spent.epochs, spent.full, spent.saved) == (9 + 1 + 3 + 2, 4 * 9, 8 + 6)
    counts = by_epoch(history)
    assert [(row.trained, row.spared) for row in counts] == [(4, 0), (3, 1), (2, 1)] + [(1, 2)] * 6
    assert sum(row.trained for row in counts) == spent.epochs
    assert sum(row.spared for row in counts) == spent.saved


def test_time_does_not_count_while_a_search_rests(tmp_path, monkeypatch):
    from dataclasses import replace

    from ptune.record.events import Resumed

    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=3))
    worked = history.worked_s
    history.apply(replace(Resumed({}), time=history.last_at + 1000.0))
    assert history.worked_s == pytest.approx(worked)


def test_an_axis_is_as_wide_as_the_space_and_logarithmic_where_the_space_is():
    history = history_of([trial(0.7, lr=0.001), trial(0.6, lr=0.01)], space=SPACE)
    axis = axis_of("lr", history, history.ranked())
    assert (axis.low, axis.high, axis.log, axis.absent) == (1e-4, 1e-1, True, False)
    assert [axis.place(value) for value in (1e-4, 1e-1)] == [0.0, 1.0]
    assert axis.place(10**-2.5) == pytest.approx(0.5)
    assert [words for _, words in axis.ticks()] == ["1e-4", "0.001", "0.01", "0.1"]


def test_words_have_places_of_their_own_in_their_order():
    space = SPACE | {"batch_size": {"choices": [8, 16, 128]}}
    history = history_of([trial(0.7, batch_size=size) for size in (128, 8, 16)], space=space)
    axis = axis_of("batch_size", history, history.ranked())
    assert list(axis.words) == ["8", "16", "128"]
    assert axis.place(8) < axis.place(16) < axis.place(128)


def test_an_absent_value_is_drawn_below_the_axis_and_never_as_a_number():
    trials = [trial(0.7, method="v1"), trial(0.8, method="v2", depth=1), trial(0.6, method="v2", depth=6)]
    history = history_of(trials, space=SPACE)
    axes = searched_axes(history)
    depth = next(axis for axis in axes if axis.name == "depth")
    assert depth.absent
    assert depth.place(None) is None
    at = {
        record.number: places(record, [*axes, result_axis(history)])[axes.index(depth)] for record in history.ranked()
    }
    assert at == {0: BELOW, 1: 0.0, 2: 1.0}
    rows = {row["trial"]: row["config_depth"] for row in tables(history, axes).trials}
    assert rows == {0: None, 1: 1, 2: 6}
    assert NOT_USED in str(parallel(history, axes).chart)


def test_parameters_in_which_no_trials_differ_have_no_axis():
    history = history_of([trial(0.7, method="v2", depth=2), trial(0.8, method="v2", depth=3)], space=SPACE)
    assert [axis.name for axis in searched_axes(history)] == ["depth"]


def test_curves_show_what_there_is_to_beat(tmp_path, monkeypatch):
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=6))
    assert [(level.words, level.value) for level in levels(history)] == [("commonest answer 0.5200", 0.52)]
    heads = history_of([trial(0.6, method="head"), trial(0.7, method="v2")])
    assert levels(heads)[0].words == "head only 0.6000"


@pytest.mark.parametrize(
    ("stopping", "words"),
    [
        ({"type": "asha"}, "at the dotted rungs, epochs 2, 4, 6 and 11."),
        ({"type": "screen", "keep": 1}, "at the dotted rung, epoch 1."),
        ({"type": "median", "grace": 2}, "after every epoch from 2 on."),
    ],
)
def test_a_figure_says_when_trials_are_compared(tmp_path, monkeypatch, stopping, words):
    job = make_job(trials=3, epochs=12, stopping=stopping)
    figure = learning_curves(play(tmp_path / "journal.jsonl", monkeypatch, job))
    assert f"Early stopping compares trials {words}" in figure.caption
    assert ("dotted" in figure.caption) == ("rung " in json.dumps(figure.chart.to_dict(validate=False)))


def test_a_figure_says_what_it_leaves_out():
    history = history_of([trial(0.5 + number / 1000) for number in range(401)])
    assert "176 of 401 curves are drawn" in learning_curves(history).caption
    assert "are drawn" not in learning_curves(history_of([trial(), trial()])).caption
    assert len({row["trial"] for row in tables(history, []).curves}) == 176
    assert len(tables(history, []).trials) == 401


def test_an_axis_of_one_value_does_not_round_it():
    history = history_of([trial(0.5), trial(0.5)])
    for figure in (learning_curves(history), best_so_far(history)):
        assert '"format": ".6~g"' in json.dumps(figure.chart.to_dict())
