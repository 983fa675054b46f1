"""The driver is killed outright, at several moments; the search is taken up and nothing is lost or doubled."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress

import psutil
import pytest
from mlflow import MlflowClient

from ptune.cli.exits import INTERRUPTED
from ptune.record.events import Finished, Paused, Reported, Started
from ptune.record.history import FINAL, History
from ptune.record.journal import JOURNAL, read
from ptune.spec.write import job_toml
from ptune.tracking.location import DATABASE
from support.small_jobs import small_job
from support.waiting import wait_for


def count(kind, events):
    return sum(isinstance(event, kind) for event in events)


MOMENTS = {
    "before any epoch": lambda events: count(Started, events) >= 1,
    "after the first reports": lambda events: count(Reported, events) >= 3,
    "between rungs": lambda events: count(Paused, events) >= 2,
    "near the end": lambda events: count(Finished, events) >= 1,
}


def command(*arguments: str, runs):
    """A `ptune` that can be killed with all that it starts."""
    return subprocess.Popen(
        [sys.executable, "-m", "ptune", *arguments],
        env=os.environ | {"PTUNE_RUNS": str(runs)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill_when(process, journal, when, number=signal.SIGKILL):
    """Kill a search once it goes on and its journal satisfies `when`; what the journal says then."""
    known = len(read(journal)) if journal.exists() else 0

    def now():
        events = read(journal) if journal.exists() else []
        return len(events) > known + 1 and when(events)  # one line says that it was taken up

    wait_for(
        now,
        lambda: process.poll() is not None and f"ended too early: {process.stderr.read()[-2000:]}",
    )
    for every in [*psutil.Process(process.pid).children(recursive=True), process]:
        with suppress(psutil.NoSuchProcess):
            every.send_signal(number)
    process.communicate()
    return History.of(read(journal))


def assert_taken_up(process, journal, before):
    """The search comes to its end: what was known at each kill is still there, and nothing was done twice."""
    out, err = process.communicate()
    assert process.returncode == 0, err[-3000:]
    result, after = json.loads(out), History.of(read(journal))
    assert result["trials"] == 6
    assert {trial.status for trial in after.trials.values()} <= FINAL
    epochs = [(event.trial, event.epoch) for event in read(journal) if isinstance(event, Reported)]
    assert len(epochs) == len(set(epochs)), "an epoch was reported twice"
    for history in before:
        for number, trial in history.trials.items():
            assert after.trials[number].config == trial.config
            assert after.trials[number].reports[: trial.epoch] == trial.reports
    client = MlflowClient(result["mlflow"]["uri"])
    shown = client.search_runs([result["mlflow"]["experiment_id"]])
    assert Counter(run.data.tags.get("ptune.trial") for run in shown) == Counter([None, *map(str, range(6))])
    assert {run.info.status for run in shown} <= {"FINISHED", "KILLED"}


@pytest.fixture
def small(tiny_backbone, tmp_path):
    """A job's file."""
    path = tmp_path / "small.toml"
    path.write_text(job_toml(small_job(tmp_path / "data", tiny_backbone("bert"))))
    return str(path)


@pytest.mark.slow
def test_a_search_that_is_killed_at_every_moment_is_taken_up(small, tmp_path, blank_database):
    runs = tmp_path / "runs"
    runs.mkdir()
    shutil.copy(blank_database, runs / DATABASE)
    journal = runs / "small" / JOURNAL
    start, before = ("search", small), []
    for when in MOMENTS.values():
        before.append(kill_when(command(*start, "--local", "--json", runs=runs), journal, when))
        start = ("resume", "small")
    assert_taken_up(command("resume", "small", "--local", "--json", runs=runs), journal, before)


@pytest.mark.slow
def test_a_search_that_is_killed_on_ray_is_taken_up(small, tmp_path):
    """Killed outright, and then told to end as `timeout` and systemd do it: at once with Ray and its workers."""
    runs = tmp_path / "runs"
    journal = runs / "small" / JOURNAL
    before = kill_when(command("search", small, "--json", runs=runs), journal, MOMENTS["after the first reports"])
    told = command("resume", "small", "--json", runs=runs)
    ended = kill_when(told, journal, MOMENTS["between rungs"], signal.SIGTERM)
    assert told.returncode == INTERRUPTED
    assert ended.ended.status == "interrupted"
    assert_taken_up(command("resume", "small", "--json", runs=runs), journal, [before, ended])
