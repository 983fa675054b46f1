"""The command as people type it: arguments in, exit code and both streams out."""

from types import SimpleNamespace

import pytest

from ptune.cli.main import run
from support.tiny_job import write_job


@pytest.fixture
def ptune(capsys, monkeypatch, tmp_path):
    """Call `ptune` in a folder of its own; return code, out and err."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PTUNE_RUNS", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("PTUNE_DEBUG", raising=False)

    def call(*arguments):
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        streams = capsys.readouterr()
        return SimpleNamespace(code=code, out=streams.out, err=streams.err)

    return call


@pytest.fixture
def job(tmp_path):
    """A job that is right, with its data."""
    return write_job(tmp_path)
