"""What no waiting mends is told from what may pass, before a search begins."""

import json
import os
import socket
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from mlflow import MlflowClient

from ptune.tracking import refusal as module
from ptune.tracking.refusal import refusal

ABSENT = "http://127.0.0.1:1"


@contextmanager
def answering(status, content, seen=None):
    """A server that gives every request one answer."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            if seen is not None:
                seen.append((self.path, self.headers["Authorization"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content if isinstance(content, bytes) else json.dumps(content).encode())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def _nobody(monkeypatch):
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (200, {"experiment": {"experiment_id": "1", "lifecycle_stage": "active"}}, None),
        (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No such experiment"}, None),
        (200, {"experiment": {"lifecycle_stage": "deleted"}}, "the experiment 'x' is deleted: restore it"),
        (401, b"", "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        (403, {"error_code": "PERMISSION_DENIED", "message": "no"}, "the server says PERMISSION_DENIED: no"),
        (403, b"Invalid Host header", "no MLflow server: HTTP 403, 'Invalid Host header'"),
        (404, b"<h1>Not Found</h1>", "no MLflow server: HTTP 404"),
        (200, b"<html>Please log in</html>", "no MLflow server: HTTP 200"),
        (429, b"", None),
        (503, b"starting", None),
    ],
)
def test_a_servers_answer_is_a_refusal_only_if_it_lasts(status, content, said):
    with answering(status, content) as uri:
        found = refusal(uri, "x")
    assert found is None if said is None else said in found


def test_a_server_is_asked_by_its_user(monkeypatch):
    seen = []
    with answering(401, b"", seen) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ana")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
        assert "does not know user 'ana' with this password" in refusal(f"{uri}/", "a b&c")
        monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token")
        refusal(uri, "x")
    (path, basic), (_, bearer) = seen
    assert path == "/api/2.0/mlflow/experiments/get-by-name?experiment_name=a+b%26c"
    assert (basic, bearer) == ("Basic YW5hOnNlY3JldA==", "Bearer token")


@pytest.mark.parametrize("uri", [ABSENT, "postgresql+psycopg2://127.0.0.1:1/mlflow", "databricks"])
def test_what_is_away_may_come_back(uri):
    assert refusal(uri, "x") is None


@pytest.mark.parametrize("uri", ["http://mlflow.example:5000", "postgresql+psycopg2://mlflow.example/mlflow"])
def test_a_host_without_an_address_is_named(uri, monkeypatch):
    def resolve(code):
        def getaddrinfo(*_, **__):
            raise socket.gaierror(code, "as the name service says")

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return refusal(uri, "x")

    assert resolve(socket.EAI_NONAME) == "no host is named 'mlflow.example'"
    assert resolve(socket.EAI_AGAIN) is None, "the name service itself is away"


def test_nobody_waits_long_for_an_answer(monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE_S", 0.01)
    stuck = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: stuck.wait() and [])
    began = time.monotonic()
    assert refusal("http://mlflow.example:5000", "x") is None
    stuck.set()
    assert time.monotonic() - began < 60, "a name service may take forever"


def test_a_missing_driver_is_named_with_what_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    assert "psycopg" in refusal("postgresql://db/mlflow", "x")
    assert "pip install 'ptune[postgres]'" in refusal("postgresql://db/mlflow", "x")
    assert "its driver cannot be imported: " in refusal("mysql://db/mlflow", "x")
    assert refusal("postgresql+psycopq://db/mlflow", "x") == "SQLAlchemy knows no driver 'postgresql+psycopq'"


def test_a_file_that_can_be_no_database_of_mlflow(tmp_path):
    (tmp_path / "notes.txt").write_text("no database " * 100)
    (tmp_path / "new.db").touch()
    assert refusal(f"sqlite:///{tmp_path}/notes.txt", "x") == "file is not a database"
    assert "unable to open database file" in refusal(f"sqlite:///{tmp_path}", "x")
    assert refusal(f"sqlite:///{tmp_path}/notes.txt/runs.db", "x") == f"{tmp_path}/notes.txt is no folder"
    assert refusal(f"sqlite:///{tmp_path}/new.db", "x") is None
    assert refusal(f"sqlite:///{tmp_path}/a/b/runs.db", "x") is None
    assert not (tmp_path / "a").exists(), "to ask makes nothing"
    if os.geteuid():
        assert "nothing may be written into" in refusal("sqlite:////proc/runs.db", "x")


def test_a_deleted_experiment_is_found_in_a_database(database_uri):
    client = MlflowClient(database_uri)
    assert refusal(database_uri, "old") is None
    client.delete_experiment(client.create_experiment("old"))
    assert "the experiment 'old' is deleted" in refusal(database_uri, "old")
