"""A small job, a runs folder and a finished search for the tests of this folder."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from ptune.run.local import LocalRunner
from ptune.run.search import Outcome, start_search
from ptune.spec.job import Job
from ptune.tracking.location import DATABASE
from support.small_jobs import small_job


@pytest.fixture
def job(tiny_backbone, tmp_path):
    return small_job(tmp_path / "data", tiny_backbone("bert"))


@pytest.fixture
def runs(tmp_path, monkeypatch, blank_database):
    """Where searches and their MLflow database lie, whatever the user's environment says."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copy(blank_database, folder / DATABASE)
    return folder


@dataclass(frozen=True)
class Finished:
    """A search that has ended; tests read it, and go on from it in `runs_after`."""

    job: Job
    outcome: Outcome


@pytest.fixture(scope="session")
def finished(tiny_backbone, tmp_path_factory, blank_database):
    """The small job, searched once for all tests of this folder."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "runs").mkdir()
    shutil.copy(blank_database, folder / "runs" / DATABASE)
    job = small_job(folder / "data", tiny_backbone("bert"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return Finished(job, start_search(job, "# as written\n", folder / "runs", LocalRunner()))


@pytest.fixture
def runs_after(finished, tmp_path, monkeypatch):
    """A copy of the runs folder of the finished search, its MLflow database included."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Path(shutil.copytree(finished.outcome.folder.parent, tmp_path / "runs"))
