"""A cluster's token: where it is found, and what real heads say to callers with and without it."""

import os
import subprocess
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from ptune.errors import ClusterError
from ptune.raytune.authentication import authenticate, find_token
from ptune.raytune.jobs import jobs
from ptune.raytune.runner import RayRunner
from ptune.spec.resources import Resources
from support.ray_head import IDLE, ray_head

TOKEN = "a-token-of-more-than-enough-letters"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder without a token; no variable names one."""
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def keep_token(home, token=TOKEN):
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text(f"{token}\n", encoding="utf-8")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A head started as anybody does where ~/.ray holds a token: it asks for that token."""
    folder = tmp_path_factory.mktemp("home")
    keep_token(folder)
    with ray_head(HOME=str(folder), **IDLE) as head:
        yield head


# --- where the token is ---


def test_a_token_is_found_where_ray_looks_for_it(home, monkeypatch):
    assert find_token() is None
    keep_token(home, "of the home folder")
    assert find_token() == "of the home folder"
    (home / "elsewhere").write_text("of a file", encoding="utf-8")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "elsewhere"))
    assert find_token() == "of a file"
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of a variable")
    assert find_token() == "of a variable"


def test_an_empty_file_holds_no_token(home):
    keep_token(home, "")
    assert find_token() is None


def test_a_named_file_that_is_not_there_is_refused(home, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "none"))
    with pytest.raises(
        ClusterError, match=r"none \(RAY_AUTH_TOKEN_PATH\): the cluster's token cannot be read: .*No such"
    ):
        find_token()


# --- what a head says ---

DRIVER = """
import sys, ray
from ptune.raytune.cluster import connect, nodes
assert connect(sys.argv[1])
read = ray.remote(lambda boxes: ray.get(boxes[0]))
print(len(nodes()), ray.get(read.remote([ray.put("seen")]), timeout=60))
"""


def drive(head):
    """Connect to a head in a process of its own; a worker there reads what the process holds."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", DRIVER, head.address]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_token_in_the_home_folder_opens_a_guarded_head(guarded, home):
    keep_token(home)
    done = drive(guarded)
    assert done.stdout == "1 seen\n", done.stderr
    assert jobs(guarded.dashboard) == []


@pytest.mark.slow
def test_a_head_that_asks_for_no_token_is_not_shown_one(home):
    with ray_head(HOME=str(home), RAY_AUTH_MODE="disabled", **IDLE) as head:
        keep_token(home)
        done = drive(head)
    assert done.stdout == "1 seen\n", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({}, "asks for a token, and there is none here; .*~/.ray/auth_token"),
        ({"RAY_AUTH_TOKEN": "another"}, "refuses the token that is here; .*RAY_AUTH_TOKEN"),
        (
            {"RAY_AUTH_TOKEN": TOKEN, "RAY_AUTH_MODE": "disabled"},
            "asks for a token, and RAY_AUTH_MODE=disabled withholds",
        ),
    ],
)
def test_a_guarded_head_refuses_by_name(guarded, home, monkeypatch, variables, problem):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ClusterError, match=problem):
        authenticate(guarded.address, find_token())


@pytest.mark.slow
def test_jobs_without_the_token_are_refused_by_name(guarded, home):
    with pytest.raises(ClusterError, match=r"does not let this user in: .*~/.ray/auth_token"):
        jobs(guarded.dashboard)


def test_what_is_no_head_is_refused_without_asking_ray(home):
    keep_token(home)
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        with pytest.raises(ClusterError, match=f"something listens at '{address}', and it is no Ray head") as refused:
            RayRunner(address).check(Resources())
        with pytest.raises(ClusterError, match=f"something listens at http://{address}, and it is no Ray dashboard"):
            jobs(address)
        server.shutdown()
    assert "token" not in str(refused.value)


def test_a_head_that_does_not_answer_gets_no_advice_about_tokens(home):
    keep_token(home)
    done = drive(type("Nobody", (), {"address": "127.0.0.1:9"}))
    assert "no Ray cluster answers at '127.0.0.1:9'" in done.stderr
    assert "token" not in done.stderr.splitlines()[-1]
