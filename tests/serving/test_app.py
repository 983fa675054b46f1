"""The application without a server: requests that a client seldom gets to send."""

import asyncio
import json

import pytest

from ptune.artifacts.predict import Predictor
from ptune.serving import app as application
from ptune.serving.app import build_app
from ptune.serving.catalogue import Catalogue
from support.every_kind import sample_artifact


@pytest.fixture
def catalogue(tiny):
    backbone = tiny("bert")
    return Catalogue({name: Predictor(sample_artifact("classification", backbone), backbone) for name in ("a", "b")})


def send(app, path, body=b"", method="POST", sent=None):
    """Send one request, as a server does; the status and the text of its answer. `sent` collects what is sent."""
    sent = [] if sent is None else sent

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def take(message):
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b""}
    asyncio.run(app(scope, receive, take))
    begun, *parts = sent
    return begun["status"], b"".join(part.get("body", b"") for part in parts).decode()


def refused(app, path, content):
    """The status of a refusal, and what it says."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    status, text = send(app, path, body)
    return status, json.loads(text)["error_code"], json.loads(text)["message"]


def test_a_body_that_is_too_long_is_not_read(catalogue, monkeypatch):
    monkeypatch.setattr(application, "MOST_BYTES", 10)
    status, code, message = refused(build_app(catalogue, 8), "/prompts/a/invocations", b"x" * 11)
    assert (status, code, message) == (413, "REQUEST_LIMIT_EXCEEDED", "a body holds at most 10 bytes")


def test_the_address_and_the_body_name_one_prompt(catalogue):
    app, content = build_app(catalogue, 8), {"inputs": ["red"], "params": {"prompt": "b"}}
    assert send(app, "/prompts/b/invocations", json.dumps(content).encode())[0] == 200
    status, code, message = refused(app, "/prompts/a/invocations", content)
    assert (status, code) == (400, "BAD_REQUEST")
    assert message == "the address names the prompt 'a', and params 'b'"
    assert refused(app, "/invocations", {"inputs": ["red"]})[::2] == (
        404,
        "name the prompt that is asked (there are: a, b)",
    )
    unknown = {"inputs": ["red"], "params": {"prompt": "b", "data_set": "x"}}
    assert refused(app, "/invocations", unknown)[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_invocations_are_posted(catalogue):
    assert send(build_app(catalogue, 8), "/invocations", method="GET")[0] == 405


def test_an_error_that_nobody_expects_is_told_as_one(catalogue, monkeypatch):
    def fail(_questions):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(catalogue, "answer", fail)
    answers = []
    with pytest.raises(RuntimeError, match="out of memory"):  # for the server's log
        send(build_app(catalogue, 8), "/prompts/a/invocations", b'{"inputs": ["red"]}', sent=answers)
    assert answers[0]["status"] == 500
    assert json.loads(answers[1]["body"]) == {"error_code": "INTERNAL_ERROR", "message": "out of memory"}
