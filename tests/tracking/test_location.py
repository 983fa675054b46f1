"""Where the runs are kept."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ptune.errors import SpecError
from ptune.tracking.location import artifact_location, create_database, resolve_uri


@pytest.fixture(autouse=True)
def no_setting(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_the_default_is_sqlite_in_the_runs_folder(tmp_path):
    assert resolve_uri(None, tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"


def test_the_environment_overrides_the_default_and_the_job_both(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    assert resolve_uri(None, tmp_path) == "http://server:5000"
    assert resolve_uri("https://other", tmp_path) == "https://other"


def test_a_place_where_mlflow_cannot_be_is_wrong_input(tmp_path, monkeypatch):
    with pytest.raises(SpecError, match=r"^tracking\.uri must be a server"):
        resolve_uri("./mlruns", tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "htp://server:5000")
    with pytest.raises(SpecError, match=r"^MLFLOW_TRACKING_URI must be a server .* did you mean 'http'"):
        resolve_uri(None, tmp_path)


def test_a_job_may_name_the_variables_that_say_where(tmp_path, monkeypatch):
    monkeypatch.setenv("TEAM_MLFLOW", "http://server:5000")
    assert resolve_uri("${TEAM_MLFLOW}", tmp_path) == "http://server:5000"
    monkeypatch.delenv("TEAM_MLFLOW")
    with pytest.raises(SpecError, match=r"^tracking\.uri names the variable TEAM_MLFLOW, which is not set"):
        resolve_uri("${TEAM_MLFLOW}", tmp_path)


def test_files_lie_beside_a_database_and_where_a_server_says(tmp_path):
    assert artifact_location(resolve_uri(None, tmp_path), tmp_path) == str(tmp_path / "mlartifacts")
    assert artifact_location("http://server:5000", tmp_path) is None


def test_only_missing_sqlite_files_are_created(tmp_path):
    (tmp_path / "there.db").touch()
    for uri in ("http://server", f"sqlite:///{tmp_path}/there.db", "sqlite:///:memory:", "sqlite://"):
        create_database(uri)
    assert [path.name for path in tmp_path.iterdir()] == ["there.db"]
    assert (tmp_path / "there.db").stat().st_size == 0


def test_two_writers_may_create_the_same_database_at_once(tmp_path):
    path = tmp_path / "runs" / "mlflow.db"
    with ThreadPoolExecutor(2) as pool:  # a file lock holds between threads as between processes
        list(pool.map(create_database, [f"sqlite:///{path}"] * 2))
    assert tables(path) >= {"runs", "metrics", "params"}
    assert not list(path.parent.glob("*.tmp"))


def tables(path: Path) -> set[str]:
    with sqlite3.connect(path) as connection:
        return {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
