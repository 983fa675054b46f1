"""What a forked `ptune` says and does is what a new process says and does, see support/forked.py."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from ptune.record.journal import JOURNAL
from ptune.spec.write import job_toml
from support.command import Command
from support.same_end import same_end
from support.small_jobs import changed, small_job

SAMPLE = [
    (("lis",), 2),
    (("validate", "small.toml"), 0),
    (("validate", "small.toml", "--set", "budget.trails=3"), 2),
    (("list", "--json"), 0),
    (("search", "small.toml", "--local", "--json"), 0),
]
"""Words, and the exit code of each."""


@pytest.fixture
def job(tiny_backbone, tmp_path):
    job = small_job(tmp_path / "data", tiny_backbone("bert"), trials=2, epochs=2)
    return changed(job, tracking={"type": "none"})


@pytest.fixture
def start(job, tmp_path):
    """Start a command in a folder of its own that has the job."""

    def start(name, *arguments, **options):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "small.toml").write_text(job_toml(job))
        return Command(folder, *arguments, PTUNE_RUNS=str(folder / "runs"), **options)

    return start


def said(command, folder):
    """What a command has printed, without its place; of a search, without its time."""
    texts = [text.replace(str(folder), "FOLDER") for text in (command.out, command.err)]
    if texts[0].startswith('{"name"'):
        result = json.loads(texts[0])
        return {key: value for key, value in result.items() if not key.endswith("_s") and key != "best"}
    return texts


def test_a_forked_command_and_a_new_one_end_the_same(start, tmp_path):
    for arguments, code in SAMPLE:
        commands = {name: start(name, *arguments, fork=name == "forked") for name in ("new", "forked")}
        for command in commands.values():
            assert command.end() == code, (arguments, command.err)
        new, forked = (said(command, tmp_path / name) for name, command in commands.items())
        assert new == forked, arguments
    assert same_end(tmp_path / "new" / "runs" / "small", tmp_path / "forked" / "runs" / "small") == []


def test_a_fork_is_a_process_of_its_own_and_dies_of_a_signal(start, tmp_path):
    before = os.umask(0o027)
    try:
        command = start("forked", "search", "small.toml", "--local", "--set", "budget.epochs=900", fork=True)
    finally:
        os.umask(before)
    journal = tmp_path / "forked" / "runs" / "small" / JOURNAL
    command.wait_for(lambda: journal.exists() and "reported" in journal.read_text())
    process = psutil.Process(command.process.pid)
    assert process.cwd() == str(tmp_path / "forked")
    assert os.getsid(process.pid) == process.pid
    assert journal.stat().st_mode & 0o777 == 0o640
    held = [str(file.readlink()) for file in Path(f"/proc/{process.pid}/fd").iterdir()]
    assert not [name for name in held if "socket" in name], "a fork holds nothing of its server"
    command.process.send_signal(signal.SIGKILL)
    assert command.end() == -signal.SIGKILL


def test_a_fork_has_the_variables_that_its_libraries_have_read(start, monkeypatch):
    monkeypatch.setenv("MLFLOW_LOGGING_LEVEL", "DEBUG")  # as ptune sets it in the process that runs a test
    assert start("forked", "--version", fork=True).end() == 0
    with pytest.raises(ValueError, match="OMP_NUM_THREADS; start a new process"):
        start("forked", "--version", fork=True, OMP_NUM_THREADS="3")
