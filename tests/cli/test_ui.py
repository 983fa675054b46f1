"""`ptune ui`: MLflow's pages, on this machine alone."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from ptune.cli.ui import free_port, server_command, server_environment, trials_page
from ptune.errors import TrackingError
from ptune.files import write_json
from ptune.record.history import History
from ptune.record.journal import JOURNAL, read
from ptune.run.search import RESULT
from ptune.tracking.location import create_database
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
    command = server_command("sqlite:///runs/mlflow.db", "runs/mlartifacts", 5001)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "5001"
    assert server_environment()["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_the_link_opens_the_trials_of_the_search_named_or_of_the_job_that_ran_last(folder):
    write_json(folder / RESULT, {"mlflow": {"experiment_id": "7"}})
    start = "http://127.0.0.1:5000/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=ptune"
    assert trials_page("http://127.0.0.1:5000", folder.parent, None) == start
    header = History.of(read(folder / JOURNAL)).header
    assert trials_page("http://127.0.0.1:5000", folder.parent, folder.name) == f"{start}-{header.id}"


@pytest.mark.parametrize("content", [None, "{", "[]", '{"mlflow": null}', '{"mlflow": {"experiment_id": null}}'])
def test_a_search_that_mlflow_does_not_show_has_no_link(folder, content):
    (folder / RESULT).unlink(missing_ok=True)
    if content is not None:
        (folder / RESULT).write_text(content, encoding="utf-8")
    assert trials_page("http://127.0.0.1:5000", folder.parent, None) is None
    with pytest.raises(TrackingError, match="has no page in MLflow"):
        trials_page("http://127.0.0.1:5000", folder.parent, folder.name)


def test_a_taken_port_gives_way_to_the_next_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert free_port(taken.getsockname()[1]) > taken.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_pages_are_served_until_a_signal_ends_them(tmp_path, number):
    runs = tmp_path / "runs"
    create_database(f"sqlite:///{runs / 'mlflow.db'}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "ptune", "ui", "--port", str(port)]
    environment = {**os.environ, "PTUNE_RUNS": str(runs)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    health = f"http://127.0.0.1:{port}/health"
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert server.stdout.readline() == f"MLflow on http://127.0.0.1:{port} (Ctrl-C ends it)\n"
        wait_for(lambda: answers(health), lambda: server.poll() is not None and "the server ended")
        server.send_signal(number)
        assert server.wait(PATIENCE_S) == 0
        wait_for(lambda: not answers(health))
    finally:
        server.kill()
        server.stdout.close()


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False
