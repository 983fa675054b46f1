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
from support.waiting import PATIENCE_S, wait_for

pytestmark = pytest.mark.slow


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-m", "support.drive", str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=(folder / "out").open("a"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def reports(folder):
    events = read(folder / JOURNAL) if (folder / JOURNAL).exists() else []
    return [(event.trial, event.epoch) for event in events if isinstance(event, Reported)]


def wait_for_reports(folder, process, count):
    """Wait until the journal holds `count` reports more than now."""
    enough = len(reports(folder)) + count
    wait_for(
        lambda: len(reports(folder)) >= enough, lambda: process.poll() is not None and (folder / "out").read_text()
    )


def test_a_search_goes_on_after_a_kill_and_after_an_interrupt(tiny_backbone, tmp_path, folder):
    job = small_job(tmp_path, tiny_backbone("bert"), trials=5, epochs=6, rows=80)
    (folder / "job.json").write_text(json.dumps(job.model_dump(mode="json")), encoding="utf-8")
    first = start(folder)
    wait_for_reports(folder, first, 7)
    first.send_signal(signal.SIGKILL)
    first.wait()

    second = start(folder)
    wait_for_reports(folder, second, 7)
    os.killpg(second.pid, signal.SIGINT)  # as a terminal does
    assert second.wait(PATIENCE_S) == 130, (folder / "out").read_text()
    assert not (folder / ".tune").exists()

    third = start(folder)
    assert third.wait(PATIENCE_S) == 0, (folder / "out").read_text()
    events = read(folder / JOURNAL)
    assert sorted(reports(folder)) == [(trial, epoch) for trial in range(5) for epoch in range(1, 7)]
    suggested = [event.trial for event in events if isinstance(event, Suggested)]
    assert suggested == list(range(5))
    assert {trial.status for trial in History.of(events).trials.values()} == {"complete"}
