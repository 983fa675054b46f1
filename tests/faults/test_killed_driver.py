"""The driver is killed outright, at several moments; the search is taken up and nothing is lost or doubled."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from ptune.record.events import Finished, Paused, Reported, Started
from ptune.record.history import FINAL, History
from ptune.record.journal import read
from ptune.spec.write import job_toml
from support.small_jobs import small_job
from support.waiting import wait_for


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ptune", *arguments]


def start_and_kill(job_path, runs, when, ray):
    """Start a search, kill it once its journal satisfies `when`, and return the journal's path."""
    flags = [] if ray else ["--local"]
    environment = os.environ | {"PTUNE_RUNS": str(runs)}
    process = subprocess.Popen(
        command("search", str(job_path), *flags, "--json"),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    journal = runs / "small" / "journal.jsonl"
    wait_for(
        lambda: journal.exists() and when(read(journal)),
        lambda: process.poll() is not None and f"ended too early: {process.stderr.read().decode()[-2000:]}",
    )
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return journal


def count(kind):
    return lambda events: sum(isinstance(event, kind) for event in events)


MOMENTS = {
    "before any epoch": lambda events: count(Started)(events) >= 1,
    "after the first reports": lambda events: count(Reported)(events) >= 3,
    "between rungs": lambda events: count(Paused)(events) >= 2,
    "near the end": lambda events: count(Finished)(events) >= 1,
}


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "ray"), [*[(moment, False) for moment in MOMENTS], ("between rungs", True)])
def test_a_killed_search_is_taken_up(tiny_backbone, tmp_path, moment, ray):
    from mlflow import MlflowClient

    job = small_job(tmp_path / "data", tiny_backbone("bert"))
    path = tmp_path / "small.toml"
    path.write_text(job_toml(job))
    runs = tmp_path / "runs"
    journal = start_and_kill(path, runs, MOMENTS[moment], ray)
    before = History.of(read(journal))

    flags = [] if ray else ["--local"]
    done = subprocess.run(
        command("resume", "small", *flags, "--json"),
        env=os.environ | {"PTUNE_RUNS": str(runs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    after = History.of(read(journal))

    assert result["trials"] == 6
    assert {trial.status for trial in after.trials.values()} <= FINAL
    epochs = [(event.trial, event.epoch) for event in read(journal) if isinstance(event, Reported)]
    assert len(epochs) == len(set(epochs)), "an epoch was reported twice"
    for number, trial in before.trials.items():
        assert after.trials[number].config == trial.config
        assert after.trials[number].reports[: trial.epoch] == trial.reports
    client = MlflowClient(result["mlflow"]["uri"])
    shown = client.search_runs([result["mlflow"]["experiment_id"]])
    assert Counter(run.data.tags.get("ptune.trial") for run in shown) == Counter([None, *map(str, range(6))])
    assert {run.info.status for run in shown} <= {"FINISHED", "KILLED"}
