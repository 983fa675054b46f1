"""Progress: how far a search is, and an honest guess of when it is done."""

import math

import pytest

from ptune.record import journal
from ptune.record.events import Finished, Reported, Resumed, Started
from ptune.report.progress import Progress
from support.played import START, make_job, play, watched


def left_and_truth(tmp_path, monkeypatch, job, until, slots=4):
    """The estimate at one moment, and what was really left then."""
    play(tmp_path / "cut.jsonl", monkeypatch, job, slots, until=until)
    play(tmp_path / "whole.jsonl", monkeypatch, job, slots)
    cut, whole = watched(tmp_path / "cut.jsonl"), watched(tmp_path / "whole.jsonl")
    return cut, whole.history.last_at - cut.history.last_at, whole.epochs_done - cut.epochs_done


def test_without_early_stopping_the_epochs_left_are_exact(tmp_path, monkeypatch):
    job = make_job(trials=6, epochs=4, stopping={"type": "none"})
    progress, _, epochs = left_and_truth(tmp_path, monkeypatch, job, until=9)
    assert progress.epochs_left() == epochs == 24 - progress.epochs_done


def test_trials_with_horizons_of_their_own_are_counted_by_these(tmp_path, monkeypatch):
    space = {"parameters": {"method": {"value": "v2"}, "lr": {"value": 0.01}, "epochs": {"choices": [2, 4, 6]}}}
    job = make_job(None, epochs=6, stopping={"type": "none"}, space=space, sampler="grid")
    play(tmp_path / "journal.jsonl", monkeypatch, job, until=5)
    progress = watched(tmp_path / "journal.jsonl")
    assert len(progress.history.trials) == 3
    assert progress.epochs_left() == 12 - progress.epochs_done


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_under_early_stopping_the_epochs_left_are_near_the_truth(tmp_path, monkeypatch, share):
    job = make_job(trials=40, epochs=9)
    progress, _, epochs = left_and_truth(tmp_path, monkeypatch, job, until=55 * share)
    assert progress.epochs_left() == pytest.approx(epochs, abs=14)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_the_time_left_is_of_the_right_size(tmp_path, monkeypatch, share):
    job = make_job(trials=40, epochs=9)
    progress, seconds, _ = left_and_truth(tmp_path, monkeypatch, job, until=55 * share)
    assert (
        0.4 < progress.seconds_left(progress.history.last_at) / seconds < 1.5
    )  # here no slot speeds up while others are idle


def test_a_search_that_has_ended_has_nothing_left(tmp_path, monkeypatch):
    play(tmp_path / "journal.jsonl", monkeypatch)
    progress = watched(tmp_path / "journal.jsonl")
    assert (progress.epochs_left(), progress.seconds_left(START + 9e4), progress.waited(START)) == (0, 0.0, 0.0)


def test_no_pace_no_guess(tmp_path, monkeypatch):
    play(tmp_path / "journal.jsonl", monkeypatch, until=1)
    progress = watched(tmp_path / "journal.jsonl")
    assert (progress.seconds_left(START + 1), progress.waited(START + 1)) == (None, None)


def test_between_reports_the_time_left_counts_down(tmp_path, monkeypatch):
    play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=40, epochs=9), until=21)
    progress = watched(tmp_path / "journal.jsonl")
    at_report = progress.history.last_at
    assert progress.seconds_left(at_report + 3) == pytest.approx(progress.seconds_left(at_report) - 3)


def test_reports_that_stay_away_leave_no_time_to_guess(tmp_path, monkeypatch):
    """Epochs take 2 s here; each slot reports as often, so no wait was ever longer."""
    play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=40, epochs=9), until=21)
    progress = watched(tmp_path / "journal.jsonl")
    at_report = progress.history.last_at
    assert progress.seconds_left(at_report) > 20
    assert [progress.seconds_left(at_report + wait) is None for wait in (5.9, 6.1)] == [False, True]
    assert progress.waited(at_report + 360) == pytest.approx(360)


def test_an_estimate_that_has_run_out_is_no_estimate(tmp_path, monkeypatch):
    play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=2, epochs=4, stopping={"type": "none"}), 1, until=15)
    progress = watched(tmp_path / "journal.jsonl")
    at_report = progress.history.last_at
    assert progress.seconds_left(at_report + 1.5) == pytest.approx(0.5)
    assert progress.seconds_left(at_report + 2) is None


def test_time_between_two_processes_is_not_part_of_the_pace(tmp_path, monkeypatch):
    play(tmp_path / "journal.jsonl", monkeypatch, until=9)
    progress = watched(tmp_path / "journal.jsonl")
    later = START + 90_000
    progress.apply(Resumed({}, time=later))
    assert progress.seconds_left(later) is None
    progress.apply(Started(1, 1, time=later + 1))
    metrics = {"accuracy": 0.6, "seconds": 2.0}
    progress.apply(Reported(1, 2, metrics, "x", time=later + 3))
    assert progress.since == later
    idle = 0.75 * 6 * 2.0 / 2  # half of what three of four slots lose during the last six epochs
    assert progress.seconds_left(later + 3) == pytest.approx(progress.epochs_left() * 2.0 + idle)


def test_rungs_count_the_trials_that_got_there(tmp_path, monkeypatch):
    play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=9, epochs=9))
    progress = watched(tmp_path / "journal.jsonl")
    epochs = [trial.epoch for trial in progress.history.trials.values() if trial.status != "failed"]
    assert progress.rungs() == [(edge, sum(epoch >= edge for epoch in epochs)) for edge in (1, 3, 9)]


def test_failed_trials_are_not_waited_for(tmp_path, monkeypatch):
    progress = Progress()
    play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=2, epochs=4, stopping={"type": "none"}), 1, until=3)
    for event in journal.read(tmp_path / "journal.jsonl"):
        progress.apply(event)
    before = progress.epochs_left()
    progress.apply(Finished(0, "failed", "diverged", time=START + 4))
    assert (before, progress.epochs_left()) == (7, 4)
    assert list(progress.latest) == [0]


def test_values_that_are_no_numbers_do_not_disturb(tmp_path, monkeypatch):
    space = {"parameters": {"method": {"value": "v2"}, "length": {"choices": [4, 8]}, "lr": {"value": 0.095}}}
    play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=3, space=space))
    progress = watched(tmp_path / "journal.jsonl")
    assert progress.statuses() == {"failed": 3}
    assert not math.isnan(progress.epochs_left())
