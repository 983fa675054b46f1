"""The live picture: what it says, and that it fits."""

import pytest
from rich.console import Console

from ptune.record.events import Ended, Finished
from ptune.record.wording import described
from ptune.report.progress import Progress
from ptune.report.screen import line, picture
from support.played import START, make_job, play, watched


def drawn(progress, width=100, height=30, now=None):
    console = Console(width=width, record=True, file=open("/dev/null", "w"), color_system=None)  # noqa: SIM115, PTH123
    console.print(picture(progress, now or progress.history.last_at or 0.0, width, height))
    return console.export_text()


@pytest.fixture
def under_way(tmp_path, monkeypatch):
    play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=24), until=25)
    return watched(tmp_path / "journal.jsonl")


def test_it_says_what_counts(under_way):
    text = drawn(under_way)
    history = under_way.history
    best = history.ranked()[0]
    statuses = under_way.statuses()
    assert "ptune played" in text
    assert f"{len(history.trials)} of 24 begun · {statuses['running']} running" in text
    assert "~" in text
    assert f"{best.best_value:.4f} accuracy · trial {best.number} · v2" in text
    assert " → ".join(f"{epoch}: {number}" for epoch, number in under_way.rungs()) in text
    assert f"0 of {len(history.trials)} trials shown" in text


@pytest.mark.parametrize("width", [80, 100])
def test_it_fits(under_way, width):
    lines = drawn(under_way, width, height=24).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 24


def test_running_trials_come_first_then_the_latest_at_rest(under_way):
    rows = [row.split() for row in drawn(under_way).split("configuration")[1].splitlines() if row.strip()]
    numbers = [int(row[0]) for row in rows]
    trials = under_way.history.trials
    running = [number for number in trials if trials[number].status == "running"]
    assert numbers[: len(running)] == running
    assert numbers[len(running)] == next(n for n in reversed(under_way.latest) if trials[n].status != "running")


def test_many_running_trials_are_counted_where_they_do_not_fit(tmp_path, monkeypatch):
    play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=24), slots=20, until=1)
    text = drawn(watched(tmp_path / "journal.jsonl"), height=20)
    assert "and 8 more running" in text
    assert len(text.splitlines()) <= 20


def test_a_failure_is_shown_with_its_reason(under_way):
    under_way.apply(Finished(3, "failed", "diverged: loss is nan in epoch 2", time=under_way.history.last_at))
    assert "1 · trial 3: diverged: loss is nan in epoch 2" in drawn(under_way)


def test_before_the_first_event_it_waits():
    assert "waiting" in drawn(Progress())


def test_the_end_is_named(tmp_path, monkeypatch):
    play(tmp_path / "journal.jsonl", monkeypatch)
    assert "elapsed · complete" in drawn(watched(tmp_path / "journal.jsonl"))


def test_a_log_line_is_one_plain_line(under_way):
    text = line(under_way, under_way.history.last_at)
    assert text.startswith(f"[0:24] {len(under_way.history.trials)} of 24 begun · ")
    assert "best 0." in text
    assert "left" in text
    assert text.isprintable()


TWELVE = {
    "method": {"value": "v2"},
    **{name: {"low": 1e-3, "high": 1e-1} for name in ("lr", "head_lr", "weight_decay", "dropout", "head_dropout")},
    "length": {"low": 4, "high": 64},
    "depth": {"low": 1, "high": "layers"},
    "side": {"choices": ["last", "first"]},
    "encoder": {"choices": ["embedding", "mlp"]},
    "batch_size": {"choices": [8, 16]},
    "schedule": {"choices": ["linear", "constant"]},
    "clip": {"low": 0.5, "high": 1.0},
}


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 50), (140, 24)])
def test_every_configuration_shown_is_whole(tmp_path, monkeypatch, width, height):
    """Of 12 searched parameters, on as many lines as it needs."""
    job = make_job(trials=200, space={"parameters": TWELVE})
    play(tmp_path / "journal.jsonl", monkeypatch, job, slots=8, until=40)
    progress = watched(tmp_path / "journal.jsonl")
    text = drawn(progress, width, height)
    lines, words = text.splitlines(), " ".join(text.split())
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    running = [trial for trial in progress.history.trials.values() if trial.status == "running"]
    best = progress.history.best
    for trial in (best, running[0]):
        for part in described(trial.config, progress.history.header.varied).split(" · "):
            assert part in words
    assert "…" not in text


def test_what_is_waited_for_stands_in_place_of_the_time_left(under_way):
    at_report = under_way.history.last_at
    running = [trial.number for trial in under_way.history.trials.values() if trial.status == "running"]
    later = drawn(under_way, width=80, now=at_report + 376)
    assert f"waiting 6:16 for {len(running)} trials" in later
    assert "left" not in later
    assert line(under_way, at_report + 376).endswith(f"waiting 6:16 for {len(running)} trials")
    for number in running[1:]:
        under_way.apply(Finished(number, "failed", "broken", time=at_report))
    assert f"waiting 6:16 for trial {running[0]}" in drawn(under_way, width=80, now=at_report + 376)


def test_nothing_runs_once_the_search_is_interrupted(under_way):
    under_way.apply(Ended("interrupted", time=under_way.history.last_at))
    text = drawn(under_way)
    assert "elapsed · interrupted" in text
    assert "running" not in text
    assert f"{under_way.statuses()['interrupted']} interrupted" in text


def test_of_a_rule_that_compares_after_every_epoch_a_few_are_shown(tmp_path, monkeypatch):
    job = make_job(trials=12, epochs=40, stopping={"type": "median"})
    play(tmp_path / "journal.jsonl", monkeypatch, job, until=60)
    progress = watched(tmp_path / "journal.jsonl")
    (line,) = [line for line in drawn(progress).splitlines() if "rungs" in line]
    shown = [int(step.split(":")[0].split()[-1]) for step in line.split(" → ")]
    assert len(shown) == 7
    assert (shown[0], shown[-1]) == (1, 40)


def test_reports_within_epochs_are_shown_as_parts_of_epochs(tmp_path, monkeypatch):
    play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=12, epochs=3, report_every="0.25 epochs"))
    progress = watched(tmp_path / "journal.jsonl")
    text = drawn(progress)
    (rungs,) = [line for line in text.splitlines() if "rungs" in line]
    assert [step.split(":")[0].split()[-1] for step in rungs.split(" → ")] == ["0.25", "0.75", "2.25", "3"]
    assert " 0.25/3 " in text
    assert f"{progress.epochs_done / 4:g} epochs" in line(progress, START)
