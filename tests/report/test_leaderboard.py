"""The leaderboard, for programs and for people."""

import csv
import io
import json
import statistics

import pytest
from rich.console import Console

from ptune.record.events import Finished, Suggested
from ptune.record.wording import described
from ptune.report.charts.table import tables
from ptune.report.leaderboard import as_csv, as_json, rows, table
from support.played import make_job, play


@pytest.fixture
def history(tmp_path, monkeypatch):
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=14))
    history.apply(Suggested(14, {"method": "v1", "lr": 3.0}))
    history.apply(Finished(14, "failed", "diverged"))
    return history


def printed(renderable, width):
    console = Console(width=width, record=True, file=io.StringIO(), color_system=None)
    console.print(renderable)
    return console.export_text()


def test_rows_are_ranked_and_failures_come_last(history):
    result = rows(history)
    assert [row.rank for row in result] == [*range(1, 15), None]
    assert result[0].best == history.ranked()[0].best_value == max(r.best or 0 for r in result)
    assert (result[-1].trial, result[-1].reason, result[-1].best) == (14, "diverged", None)


def test_the_best_epoch_is_where_the_best_value_was(history):
    row = rows(history)[0]
    reports = history.trials[row.trial].reports
    window = reports[max(0, row.best_epoch - 3) : row.best_epoch]
    assert row.best == pytest.approx(statistics.fmean(report["accuracy"] for report in window))
    assert (row.epochs, row.seconds) == (len(reports), 2.0 * len(reports))


def test_rows_say_what_a_trial_has_to_beat_and_whether_it_always_answers_alike(history):
    assert "(constant)" not in printed(table(history, 160), 160)
    history.best.best_report["constant_prediction"] = 1.0
    first, *_, last = rows(history)
    assert (first.majority_baseline, first.constant_prediction) == (0.52, True)
    assert rows(history)[1].constant_prediction is False
    assert last.constant_prediction is None
    for width in (60, 160):
        text = printed(table(history, width), width)
        assert text.count("(constant)") == 2
        assert "(constant): answers every dev example alike" in text


def test_of_several_data_sets_a_trial_may_be_constant_on_some(history):
    """`constant_prediction` is the mean of the data sets: above 0, yet the trial is constant only where it is 1."""
    alike = {"constant_prediction": 0.5, "constant_prediction.rte": 1.0, "constant_prediction.cb": 0.0}
    history.best.best_report.update(alike)
    first, second, *_ = rows(history)
    assert (first.constant_prediction, first.constant_on, second.constant_on) == (False, ["rte"], [])
    assert next(csv.DictReader(io.StringIO(as_csv(history))))["constant_on"] == "rte"
    text = printed(table(history, 160), 160)
    assert (text.count("(constant on rte)"), text.count("(constant):")) == (1, 1)


REPEATED = {
    "parameters": {
        "method": {"choices": ["v1", "v2"]},
        "lr": {"value": 0.01},
        "split": {"low": 0, "high": 1},
        "repeat": {"low": 0, "high": 2},
    }
}


def test_repeated_configurations_are_ranked_by_their_mean(tmp_path, monkeypatch):
    job = make_job(None, stopping={"type": "none"}, space=REPEATED, sampler="grid", shots=8, splits=2)
    history = play(tmp_path / "journal.jsonl", monkeypatch, job)
    header, first, second = printed(table(history, 100), 100).splitlines()
    assert header.split() == ["#", "trials", "mean", "accuracy", "best", "configuration"]
    assert first.split()[:2] == ["1", "6"]
    assert "v2" in first.split()
    assert "v1" in second.split()
    best = json.loads(as_json(history))["groups"][0]
    assert f"{best['mean']:.4f} ± {best['sd']:.4f}" in first
    assert (best["n"], len(best["trials"]), best["config"]["method"]) == (6, 6, "v2")


def test_json_and_csv_hold_every_trial(history):
    content = json.loads(as_json(history))
    assert (content["name"], content["metric"]) == ("played", "accuracy")
    assert content["trials"] == [row.to_json("accuracy") for row in rows(history)]
    lines = list(csv.DictReader(io.StringIO(as_csv(history))))
    assert len(lines) == 15
    assert float(lines[0]["config.lr"]) == content["trials"][0]["config"]["lr"]
    assert lines[-1]["config.length"] == ""


def test_the_table_shows_ten_trials_and_what_varies(history):
    header, *body = printed(table(history, 110), 110).splitlines()
    assert len(body) == 10
    assert header.split()[7:] == history.header.varied == ["method", "length", "encoder", "depth", "lr"]


def test_a_narrow_table_says_all_of_each_configuration(history):
    lines = printed(table(history, 60), 60).splitlines()
    assert "configuration" in lines[0]
    assert all(len(line) <= 60 for line in lines)
    words = " ".join(" ".join(lines).split())
    for trial in history.ranked()[:10]:
        assert all(f" {part}" in words for part in described(trial.config, history.header.varied).split(" · "))


def test_a_narrow_table_says_which_trials_may_go_on(tmp_path, monkeypatch):
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=14), until=9)
    history.interrupt()
    text = " ".join(printed(table(history, 60), 60).split())
    statuses = [trial.status for trial in history.ranked()[:10]]
    for status in ("interrupted", "paused"):
        assert text.count(f"({status})") == statuses.count(status) > 0
    assert "(complete)" not in text


def test_csv_columns_stand_in_the_order_of_the_space(history):
    """Whichever trial leads: of two methods, one lacks a parameter of the other."""
    columns = [name for name in as_csv(history).splitlines()[0].split(",") if name.startswith("config.")]
    assert [name.removeprefix("config.") for name in columns][:5] == history.header.varied


def test_of_a_loss_the_lowest_leads_alone_and_among_repetitions(tmp_path, monkeypatch):
    job = make_job(None, stopping={"type": "none"}, space=REPEATED, sampler="grid", shots=8, splits=2, metric="loss")
    history = play(tmp_path / "journal.jsonl", monkeypatch, job)
    losses = [row.best for row in rows(history)]
    assert losses == sorted(losses)
    assert losses[0] == min(min(trial.values) for trial in history.trials.values())
    means = [group["mean"] for group in json.loads(as_json(history))["groups"]]
    assert means == sorted(means)
    assert f"{losses[0]:.4f}" in printed(table(history, 100), 100).splitlines()[1]


def test_reports_within_epochs_are_ranked_with_parts_of_epochs(tmp_path, monkeypatch):
    job = make_job(trials=12, epochs=3, report_every="0.25 epochs")
    history = play(tmp_path / "journal.jsonl", monkeypatch, job)
    found = {row.trial: row for row in rows(history)}
    for number, trial in history.trials.items():
        assert found[number].epochs == len(trial.reports) / 4
        assert found[number].best_epoch is None or found[number].best_epoch == trial.best_epoch / 4
    assert {row.epochs for row in found.values()} >= {0.25, 3}
    curves = tables(history, []).curves
    assert {row["epoch"] for row in curves if row["trial"] == history.ranked()[0].number} == {
        number / 4 for number in range(1, 13)
    }
