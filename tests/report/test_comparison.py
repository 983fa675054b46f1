"""Published numbers beside a search's own, and what makes the two incomparable."""

from dataclasses import replace

import pytest

from ptune.record.events import ConfirmedPoint, Confirms, Ended
from ptune.report.comparison import comparisons, protocol_notes
from support.played import make_job, play

FULL = {"type": "none"}
ROW = {"metric": "accuracy", "value": 0.8, "what": "prompts", "source": "Table 2"}
GRID = {
    "parameters": {
        "method": {"value": "v2"},
        "length": {"choices": [4, 16]},
        "lr": {"choices": [0.01, 0.03]},
        "repeat": {"low": 0, "high": 1},
    }
}


@pytest.fixture
def compare(tmp_path, monkeypatch):
    def compared(*rows, space=GRID, **more):
        job = make_job(None, stopping=FULL, space=space, sampler="grid", published=[{**ROW, **row} for row in rows])
        history = play(tmp_path / "journal.jsonl", monkeypatch, job, **more)
        return comparisons(history), history

    return compared


def test_the_best_matching_configuration_stands_beside_each_number(compare):
    (every, long, slow), history = compare({}, {"where": {"length": 16}}, {"where": {"lr": 0.03, "length": [4, 16]}})
    assert every.match.spread.mean == history.configurations()[0].spread.mean
    assert every.difference == pytest.approx(every.match.spread.mean - 0.8)
    assert (every.match.spread.n, len(every.match.trials)) == (2, 2)
    assert long.match.config["length"] == 16
    assert slow.match.config["lr"] == 0.03
    best = max(trial.best_value for trial in history.trials.values() if trial.config["length"] == 16)
    assert long.match.best_value <= best


def test_another_metric_is_that_of_the_epoch_that_is_kept(compare):
    (row,), history = compare({"metric": "macro_f1"})
    kept = [history.trials[number].best_report["macro_f1"] for number in row.match.trials]
    assert row.match.spread.mean == pytest.approx(sum(kept) / 2)


def test_a_repetition_can_be_asked_for_alone(compare):
    (row,), history = compare({"where": {"repeat": 1}})
    (number,) = row.match.trials
    assert history.trials[number].config["repeat"] == 1
    assert "one seed, its epoch chosen on the same dev split" in row.notes


def test_what_cannot_be_compared_says_why(compare):
    (method, metric, test), _ = compare({"where": {"method": "v1"}}, {"metric": "matthews"}, {"on": "test"})
    assert [row.match for row in (method, metric, test)] == [None] * 3
    assert method.notes == ["no trial with a result has such a configuration"]
    assert metric.notes == ["the trials report no matthews"]
    assert test.notes == ["the job names no test split"]


def test_test_scores_are_those_of_tested_trials_or_of_the_exported_prompt(compare):
    (_,), history = compare(
        {"on": "test"}, space={**GRID, "parameters": {**GRID["parameters"], "repeat": {"value": 0}}}
    )
    history.ended = Ended("complete", test={"accuracy": 0.7})
    (row,) = comparisons(history)
    assert (row.match.trials, row.match.spread.mean) == ([history.best.number], 0.7)
    history.trials[history.best.number].test = {"accuracy": 0.6}
    assert comparisons(history)[0].match.spread.mean == 0.6


def test_choosing_among_several_is_noted_and_a_confirmation_chooses_nothing(compare):
    (row,), history = compare({})
    assert row.notes == ["the best of 4 matching configurations by accuracy on dev"]
    ranked = [ConfirmedPoint(group.config, [], group.spread) for group in reversed(history.configurations())]
    confirms = Confirms("1", "before", top=4, seeds=2, splits=1, searched=[], configurations=ranked)
    history.first = replace(history.header, confirms=confirms)
    (row,) = comparisons(history)
    assert (row.notes, row.match.config) == ([], ranked[0].config)


def test_the_protocol_is_held_against_the_job_as_written(tmp_path, monkeypatch):
    made = make_job(trials=9, limit_train=100, limit_dev=50, published=[ROW])
    history = play(tmp_path / "journal.jsonl", monkeypatch, made)
    notes = protocol_notes(history, ["backbone.id=packaged:minilm", "name=other", "resources.slots=2"], "running")
    complete = sum(trial.status == "complete" for trial in history.trials.values())
    assert notes == [
        "run with --set backbone.id=packaged:minilm; published numbers belong to the job as written",
        "trained on at most 100 examples (task.data.limit_train)",
        "scored on at most 50 dev examples (task.data.limit_dev)",
        f"early stopping (asha): {complete} of 9 reached the horizon",
        "the search is running (9 of 9 trials begun); its best may change",
    ]


def test_nothing_is_said_of_published_numbers_where_there_are_none(tmp_path, monkeypatch):
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=1, stopping=FULL))
    assert protocol_notes(history, ["budget.trials=1"], "interrupted") == [
        "run with --set budget.trials=1",
        "the search is interrupted (1 of 1 trial begun); its best may change",
    ]


def test_a_full_search_as_written_differs_in_nothing(compare):
    assert protocol_notes(compare({})[1], ["seed=3"], "complete") == []
