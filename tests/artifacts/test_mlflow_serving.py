"""An exported MLflow model behind MLflow's own scoring server, asked over HTTP."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ptune.api.prompt import load
from ptune.artifacts.export import write_export
from ptune.artifacts.formats.format import Export
from ptune.artifacts.formats.registry import BY_NAME
from support.every_kind import SAMPLES, sample_artifact
from support.http_client import asked
from support.waiting import wait_for

ROWS = SAMPLES["pairs"].rows


@pytest.fixture
def model(tiny, tmp_path):
    artifact = sample_artifact("pairs", tiny("bert"))
    return write_export(BY_NAME["mlflow"], Export(artifact, tmp_path / "model", embed=True)).folder


@pytest.fixture
def address(model, tmp_path):
    """`mlflow models serve`, as the model card has it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where it looks for uvicorn
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=tmp_path,  # where MLflow puts an empty database
            env={**os.environ, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"},
        )
    url = f"http://127.0.0.1:{port}"

    def answers():
        try:
            return urllib.request.urlopen(f"{url}/ping", timeout=1).status == 200
        except (urllib.error.URLError, OSError):
            return False

    try:
        wait_for(answers, lambda: process.poll() is not None and (tmp_path / "log").read_text())
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_two_hundred_requests_at_once_to_mlflows_server_are_answered_right(model, address):
    prompt = load(model, backbone=str(model / "backbone"), device="cpu")
    alone = [prompt.predict(row) for row in ROWS]

    def ask(number):
        row = ROWS[number % len(ROWS)]
        texts = ["", *row[1:]] if number % 10 == 3 else row
        record = dict(zip(prompt.inputs, texts, strict=True))
        if number % 2:
            return asked(f"{address}/invocations", {"inputs": [record]})
        return asked(f"{address}/invocations", {"dataframe_split": {"columns": [*record], "data": [[*texts]]}})

    with ThreadPoolExecutor(200) as clients:
        answers = list(clients.map(ask, range(200)))
    for number, (status, content) in enumerate(answers):
        if number % 10 == 3:
            assert status == 400
            assert "DataError: input 1: premise is empty" in content["stack_trace"]
        else:
            assert status == 200, content
            (found,), expected = content["predictions"], alone[number % len(ROWS)]
            assert found["label"] == expected["label"]
            assert found["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-5)
    assert asked(f"{address}/invocations", {"inputs": [{"premise": "red"}]})[0] == 400
