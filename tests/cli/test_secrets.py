"""What ptune is told in confidence is neither written nor printed: every byte of a search is looked through."""

import shutil

import pytest

from ptune.spec.write import job_toml
from ptune.tracking import mlflow_tracker
from ptune.tracking.location import DATABASE
from support.small_jobs import small_job

SECRETS = {
    "MLFLOW_TRACKING_USERNAME": "ana",
    "MLFLOW_TRACKING_PASSWORD": "confided-1",
    "MLFLOW_TRACKING_TOKEN": "confided-2",
    "HF_TOKEN": "hf_confided3",
    "AWS_ACCESS_KEY_ID": "AKIACONFIDED4",
    "AWS_SECRET_ACCESS_KEY": "confided-5",
    "RAY_AUTH_TOKEN": "confided-6-of-more-than-enough-letters",
    "MLFLOW_TRACKING_URI": "http://ana:confided-7@127.0.0.1:9/base?token=confided-8",
}
WORDS = ("confided", "CONFIDED")


@pytest.fixture
def search(ptune, tiny_backbone, tmp_path, monkeypatch, blank_database):
    """The commands around a search of one trial, with secrets in their environment; what they print is kept."""
    (tmp_path / "ptune_runs").mkdir()
    shutil.copy(blank_database, tmp_path / "ptune_runs" / DATABASE)
    job = tmp_path / "small.toml"
    job.write_text(job_toml(small_job(tmp_path / "data", tiny_backbone("bert"), trials=1, epochs=1)))
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    printed = []

    def call(*words):
        monkeypatch.setattr("sys.argv", ["ptune", *map(str, words)])
        result = ptune(*words)
        printed.append(result.out + result.err)
        return result.code

    return job, call, printed


def leaks(folder):
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert len(paths) > 10
    return [path for path in paths if any(word.encode() in path.read_bytes() for word in WORDS)]


@pytest.mark.parametrize("tracked", ["nobody answers", "in a database"])
def test_no_secret_is_written_or_printed(search, tracked, monkeypatch, tmp_path):
    job, call, printed = search
    if tracked == "nobody answers":
        monkeypatch.setattr(mlflow_tracker, "_DRAIN_S", 1.0)
    else:
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert call("search", job, "--local") == 0
    assert call("report", "small") == 0
    assert (call("sync", "small") == 0) == (tracked == "in a database")
    assert call("resume", "small", "--local", "--json") == 0
    assert call("list", "--json") == 0
    if tracked == "nobody answers":
        assert "http://ana:***@127.0.0.1:9" in "".join(printed)
        assert call("ui", "--no-browser") == 0
        assert call("submit", job, "--address", "http://127.0.0.1:9") != 0
        for uri in ("http://a:confided@host:5000", "ftp://a:confided@host", "postgresql://h/d?password=confided"):
            assert call("validate", job, "--set", f"tracking.uri={uri}") == 2
            assert call("search", job, "--local", "--set", f"tracking.uri={uri}") == 2
    else:
        assert (tmp_path / "ptune_runs" / "mlflow.db").stat().st_size > 0
    assert not [text for text in printed if any(word in text for word in WORDS)]
    assert leaks(tmp_path / "ptune_runs") == []
