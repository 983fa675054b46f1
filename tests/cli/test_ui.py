"""`ptune ui`: MLflow's pages, on this machine alone."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from ptune.cli.ui import may_open_a_browser
from ptune.errors import JournalError, TrackingError
from ptune.files import write_json
from ptune.record.history import History
from ptune.record.journal import JOURNAL, read
from ptune.run.search import RESULT
from ptune.run.shown import shown
from ptune.tracking.location import DATABASE
from ptune.tracking.server import PagesServer, free_port, server_command, server_environment
from support.waiting import PATIENCE_S, wait_for

FINISHED = Path(__file__).parents[1] / "fixtures" / "finished"


@pytest.fixture
def folder(tmp_path):
    """The folder of a search that has ended."""
    return Path(shutil.copytree(FINISHED, tmp_path / "runs" / "finished"))


def test_nothing_tracked_yet_is_said(ptune, tmp_path):
    result = ptune("ui")
    assert result.code == 1
    assert f"nothing is tracked in {tmp_path}/ptune_runs yet" in result.err
    assert 'a search whose job says tracking.type = "none"; `ptune report NAME` does' in result.err


def test_a_server_elsewhere_is_pointed_to(ptune, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example:5000")
    result = ptune("ui")
    assert (result.code, result.out) == (0, "runs are tracked on a server: open http://tracking.example:5000\n")


def test_the_server_listens_on_loopback_and_runs_no_jobs():
    command = server_command("runs/mlartifacts", 5001)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "5001"
    environment = server_environment(uri := "postgresql://me:secret@host/db")
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert environment["MLFLOW_BACKEND_STORE_URI"] == uri, "other users may read a command line, and no environment"
    assert "secret" not in " ".join(command)


def test_the_link_opens_the_trials_of_the_search_named_or_of_the_job_that_ran_last(folder):
    history = History.of(read(folder / JOURNAL))
    write_json(folder / RESULT, {"mlflow": {"experiment_id": "7"}})
    (folder.parent / "mlflow.db").touch()
    start = "http://127.0.0.1:5000/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=ptune"
    assert shown(folder.parent, None).link("http://127.0.0.1:5000") == start
    assert shown(folder.parent, folder.name).link("http://127.0.0.1:5000") == f"{start}-{history.header.id}"


def test_a_search_that_the_store_does_not_show_is_told_by_its_name_and_hides_no_other(folder, monkeypatch):
    nobody = f"http://127.0.0.1:{free_port(5500)}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", nobody)
    with pytest.raises(TrackingError, match="does not show run"):
        shown(folder.parent, folder.name)
    assert shown(folder.parent, None).link(nobody) == nobody


def test_a_search_that_is_not_tracked_has_no_page(folder):
    journal = folder / JOURNAL
    lines = journal.read_text(encoding="utf-8").splitlines()
    untracked = [line for line in lines if json.loads(line)["event"] != "tracked"]
    journal.write_text("\n".join(untracked) + "\n", encoding="utf-8")
    with pytest.raises(TrackingError, match=f"{folder.name} has no page in MLflow"):
        shown(folder.parent, folder.name)
    with pytest.raises(JournalError, match="did you mean"):
        shown(folder.parent, folder.name + "x")


@pytest.mark.parametrize(
    ("environment", "opens"),
    [
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({}, False),
        ({"DISPLAY": ":10", "SSH_CONNECTION": "10.0.0.1 22 10.0.0.2 22"}, False),
        ({"DISPLAY": ":0", "CI": "true"}, False),
        ({"BROWSER": "code --open", "SSH_CONNECTION": "10.0.0.1 22 10.0.0.2 22"}, True),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_a_browser_opens_where_the_user_sits(monkeypatch, environment, opens):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_TTY", "CI", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    terminal, other = os.openpty()
    with os.fdopen(other, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert may_open_a_browser() is opens
    os.close(terminal)


def test_a_taken_port_gives_way_to_the_next_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert free_port(taken.getsockname()[1]) > taken.getsockname()[1]


def test_a_server_that_cannot_start_says_why(tmp_path):
    (tmp_path / "mlflow.db").write_text("not a database " * 100, encoding="utf-8")
    server = PagesServer(f"sqlite:///{tmp_path / 'mlflow.db'}", str(tmp_path), free_port(5600))
    with server, pytest.raises(TrackingError, match=r"exit code [1-9][\s\S]*file is not a database"):
        server.wait_until_ready()


@pytest.mark.slow
def test_the_pages_are_served_until_an_interrupt_ends_them(tmp_path, blank_database):
    """Another test of MLflow's pages ends them with SIGTERM."""
    runs = tmp_path / "runs"
    runs.mkdir()
    shutil.copy(blank_database, runs / DATABASE)
    port, opened = free_port(5700), tmp_path / "opened"
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" > {opened}\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    command = [sys.executable, "-m", "ptune", "ui", "--port", str(port), "--browser"]
    environment = {**os.environ, "PTUNE_RUNS": str(runs), "BROWSER": str(program)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        address = server.stdout.readline().split()[3]
        assert address.startswith("http://127.0.0.1:")
        assert address in server.stdout.readline()
        assert answers(f"{address}/health")  # the link is told once the server answers
        wait_for(lambda: opened.exists() and opened.read_text(encoding="utf-8") == f"{address}\n")
        server.send_signal(signal.SIGINT)
        assert server.wait(PATIENCE_S) == 0
        wait_for(lambda: not answers(f"{address}/health"))
    finally:
        server.kill()
        server.stdout.close()


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False
