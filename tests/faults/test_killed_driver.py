"""The driver is killed or evicted at several moments; its entry point goes on, and nothing is lost or doubled."""

import shutil
import signal
from collections import Counter

import pytest
from mlflow import MlflowClient

from ptune.cli.exits import INTERRUPTED
from ptune.record.events import Finished, Paused, Reported, Started
from ptune.record.history import FINAL, History
from ptune.record.journal import JOURNAL, read
from ptune.run.local import LocalRunner
from ptune.run.search import start_search
from ptune.spec.write import job_toml
from ptune.tracking.location import DATABASE
from support.command import Command
from support.same_end import same_end
from support.small_jobs import changed, small_job


def count(kind, events):
    return sum(isinstance(event, kind) for event in events)


MOMENTS = {
    "before any epoch": lambda events: count(Started, events) >= 1,
    "after the first reports": lambda events: count(Reported, events) >= 3,
    "between rungs": lambda events: count(Paused, events) >= 2,
    "near the end": lambda events: count(Finished, events) >= 1,
}


def end_when(command, journal, when, end):
    """End a search once it goes on and its journal satisfies `when`; what the journal says then."""
    known = len(read(journal)) if journal.exists() else 0

    def now():
        events = read(journal) if journal.exists() else []
        return len(events) > known + 1 and when(events)  # one line says that it was taken up

    command.wait_for(now)
    end(command)
    return History.of(read(journal))


def evict(command):
    """End it as schedulers do, with hardly any grace."""
    command.signal(signal.SIGTERM)
    command.kill()


def tell_to_end(command):
    command.signal(signal.SIGTERM)
    command.end()


def assert_taken_up(command, journal, before):
    """The search comes to its end: what was known at each kill is still there, and nothing was done twice."""
    result, after = command.result(), History.of(read(journal))
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
def job(tiny_backbone, tmp_path):
    """One trial at a time: trials that share passes differ in the last digits of float32 with their company."""
    job = small_job(tmp_path / "data", tiny_backbone("bert"))
    return changed(job, resources={"slots": 1})


@pytest.fixture
def start(job, tmp_path, monkeypatch, blank_database):
    """The entry point of the job, which starts its search or goes on with it."""
    (tmp_path / "runs").mkdir()
    shutil.copy(blank_database, tmp_path / "runs" / DATABASE)
    monkeypatch.setenv("PTUNE_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "small.toml").write_text(job_toml(job))
    arguments = ("search", "small.toml", "--resume-if-exists", "--json")
    return lambda *options: Command(tmp_path, *arguments, *options, fork=True)


@pytest.mark.slow
def test_a_search_that_is_killed_and_evicted_at_every_moment_ends_as_an_unbroken_one(start, job, tmp_path):
    journal = tmp_path / "runs" / "small" / JOURNAL
    ends = [Command.kill, evict, Command.kill, evict]
    before = [end_when(start("--local"), journal, when, end) for when, end in zip(MOMENTS.values(), ends, strict=True)]
    assert_taken_up(start("--local"), journal, before)
    untracked = changed(job, tracking={"type": "none"})
    unbroken = start_search(untracked, "", tmp_path / "unbroken", LocalRunner())
    assert same_end(journal.parent, unbroken.folder) == []


@pytest.mark.slow
def test_a_search_that_is_killed_on_ray_is_taken_up(start, tmp_path):
    """Killed outright, and then told to end as `timeout` and systemd do it: at once with Ray and its workers."""
    journal = tmp_path / "runs" / "small" / JOURNAL
    before = end_when(start(), journal, MOMENTS["after the first reports"], Command.kill)
    told = start()
    ended = end_when(told, journal, MOMENTS["between rungs"], tell_to_end)
    assert told.process.returncode == INTERRUPTED
    assert ended.ended.status == "interrupted"
    assert_taken_up(start(), journal, [before, ended])
