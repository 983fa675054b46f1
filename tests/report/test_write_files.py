"""The files a search leaves, plots included."""

import json
import struct
from itertools import pairwise

import pytest

from ptune.record.history import History, TrialRecord
from ptune.record.objective import Objective
from ptune.report.charts.table import with_curves
from ptune.report.write_files import publish
from support.played import make_job, play


def png_size(path):
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", content[16:24])


@pytest.mark.parametrize("importances", [{}, {"lr": 0.8, "depth": 0.2}, {"method": 0.6, "encoder": 0.4}])
def test_a_search_leaves_a_leaderboard_and_curves(tmp_path, monkeypatch, importances):
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=10))
    publish(tmp_path, history, importances)
    assert len(json.loads((tmp_path / "leaderboard.json").read_text())["trials"]) == 10
    assert (tmp_path / "leaderboard.csv").read_text().count("\n") == 11
    width, height = png_size(tmp_path / "curves.png")
    assert width > 1.8 * height > 1000
    assert not list(tmp_path.glob(".*tmp"))


def test_one_trial_with_a_head_alone_can_be_drawn(tmp_path, monkeypatch):
    space = {"parameters": {"method": {"value": "head"}, "lr": {"value": 0.01}}}
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=1, space=space, stopping={"type": "none"}))
    publish(tmp_path, history, {})
    assert png_size(tmp_path / "curves.png")


def test_without_a_report_there_is_nothing_to_draw(tmp_path, monkeypatch):
    history = play(tmp_path / "journal.jsonl", monkeypatch, until=1)
    assert isinstance(history, History)
    publish(tmp_path, history, {})
    assert {path.name for path in tmp_path.iterdir()} == {
        "journal.jsonl",
        "leaderboard.csv",
        "leaderboard.json",
        "report.html",
        "report.json",
    }
    assert 'class="chart"' not in (tmp_path / "report.html").read_text()


def test_only_failures_can_be_published(tmp_path, monkeypatch):
    space = {"parameters": {"method": {"value": "v2"}, "length": {"choices": [4, 8]}, "lr": {"value": 0.095}}}
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=3, space=space))
    publish(tmp_path, history, {})
    assert json.loads((tmp_path / "leaderboard.json").read_text())["trials"][0]["status"] == "failed"


def test_of_many_learning_curves_the_best_are_drawn_and_the_others_in_equal_steps():
    many = [TrialRecord(number, {}, Objective("accuracy")) for number in range(10_000)]
    numbers = [trial.number for trial in with_curves(many)]
    assert numbers[:100] == list(range(100))
    assert {later - earlier for earlier, later in pairwise(numbers[100:])} == {99}
    assert len(numbers) == 200
    assert with_curves(many[:200]) == many[:200]


def test_a_search_for_the_least_loss_can_be_drawn(tmp_path, monkeypatch):
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=6, metric="loss"))
    publish(tmp_path, history, {})
    assert "loss on dev (less is better)" in (tmp_path / "report.html").read_text()
