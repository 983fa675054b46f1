"""A driver that is killed or interrupted, and the process that goes on."""

import json
import os
import signal
import subprocess
import sys

import pytest

from ptune.record.events import Reported, Suggested
from ptune.record.history import History
from ptune.record.journal import read
from support.small_search import JOURNAL, small_job
from support.waiting import PATIENCE_S

pytestmark = pytest.mark.slow


def drive(folder, *until):
    """Run the search, as far as `until` says; return its exit code."""
    driver = subprocess.Popen(
        [sys.executable, "-m", "support.drive", str(folder), *map(str, until)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=(folder / "out").open("a"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return driver.wait(PATIENCE_S)


def reports(folder):
    return [(event.trial, event.epoch) for event in read(folder / JOURNAL) if isinstance(event, Reported)]


def test_a_search_goes_on_after_a_kill_and_after_an_interrupt(tiny_backbone, tmp_path, folder):
    job = small_job(tmp_path, tiny_backbone("bert"), trials=5, epochs=6, rows=80)
    (folder / "job.json").write_text(json.dumps(job.model_dump(mode="json")), encoding="utf-8")
    assert drive(folder, 7, int(signal.SIGKILL)) == -signal.SIGKILL, (folder / "out").read_text()
    assert len(reports(folder)) == 7
    assert drive(folder, 7, int(signal.SIGINT)) == 130, (folder / "out").read_text()
    assert 14 <= len(reports(folder)) < 30, "what was under way may be taken in"
    assert not (folder / ".tune").exists()
    assert drive(folder) == 0, (folder / "out").read_text()
    events = read(folder / JOURNAL)
    assert sorted(reports(folder)) == [(trial, epoch) for trial in range(5) for epoch in range(1, 7)]
    suggested = [event.trial for event in events if isinstance(event, Suggested)]
    assert suggested == list(range(5))
    assert {trial.status for trial in History.of(events).trials.values()} == {"complete"}
