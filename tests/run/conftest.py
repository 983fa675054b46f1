"""A small job and a runs folder for the searches of this folder."""

import pytest

from support.small_jobs import small_job


@pytest.fixture
def job(tiny_backbone, tmp_path):
    return small_job(tmp_path / "data", tiny_backbone("bert"))


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Where searches and their MLflow database lie, whatever the user's environment says."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path / "runs"
