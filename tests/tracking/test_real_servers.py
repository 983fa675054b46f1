"""The same search in every kind of store: SQLite, PostgreSQL, and a server of a team that asks who is there."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from ptune.errors import SpecError, TrackingError
from ptune.report.write_files import publish
from ptune.run.local import LocalRunner
from ptune.run.search import resume_search, start_search
from ptune.run.sync import sync_search
from ptune.tracking import mlflow_tracker
from ptune.tracking.metrics import shown
from ptune.tracking.mlflow_tracker import MlflowTracker
from ptune.tracking.mlflow_writer import sync
from support import postgres
from support.interrupting import Interrupting
from support.mlflow_server import ADMIN, ADMIN_PASSWORD, MlflowServer
from support.postgres import Postgres
from support.small_jobs import small_job

pytestmark = pytest.mark.slow

VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
ANA, ANAS_PASSWORD = "ana", "staple-horse-correct"
SECRETS = (ADMIN_PASSWORD, ANAS_PASSWORD, postgres.PASSWORD, "horse%2Fbattery", "guessed")


@dataclass
class Place:
    """A store, and who writes to it."""

    name: str
    uri: str
    user: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def database():
    with postgres.postgres() as server:
        yield server


@pytest.fixture(scope="module")
def team(database: Postgres, tmp_path_factory):
    """A server on PostgreSQL, with two users."""
    server = MlflowServer.of_a_team(tmp_path_factory.mktemp("team"), database.create("team"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "server"])
def place(request, tmp_path_factory):
    """Each kind of store, named by this process's environment."""
    with pytest.MonkeyPatch.context() as patch:
        match request.param:
            case "sqlite":
                found = Place("sqlite", f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/runs.db")
            case "postgresql":
                found = Place("postgresql", request.getfixturevalue("database").create("direct"))
            case "server":
                found = Place("server", request.getfixturevalue("team").uri, as_user(ADMIN, ADMIN_PASSWORD))
        enter(patch, found.uri, **found.user)
        yield found


def as_user(name, password):
    return {"MLFLOW_TRACKING_USERNAME": name, "MLFLOW_TRACKING_PASSWORD": password}


def enter(patch, uri, **user):
    for name in VARIABLES:
        patch.delenv(name, raising=False)
    for name, value in {"MLFLOW_TRACKING_URI": uri, **user}.items():
        patch.setenv(name, value)


@pytest.fixture(scope="module")
def searched(place, tiny_backbone, tmp_path_factory):
    """A search that was interrupted and resumed, with the runs that it had made before."""
    runs = tmp_path_factory.mktemp("runs")
    job = small_job(runs / "data", tiny_backbone("bert"), trials=4, epochs=3)
    start_search(job, 'name = "small"\n', runs, Interrupting(after=4), publish=publish)
    before = {run.info.run_id: run.info.status for run in runs_of(place)}
    return resume_search("small", runs, LocalRunner(), publish=publish), before


def runs_of(place, experiment="small"):
    client = MlflowClient(place.uri)
    return client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


def by_trial(place):
    """The runs of a store, the search's under None."""
    runs = runs_of(place)
    found = {int(run.data.tags.get("ptune.trial", -1)): run for run in runs}
    assert len(found) == len(runs), "a run is there twice"
    return {None if trial == -1 else trial: run for trial, run in found.items()}


def test_a_resumed_search_is_shown_whole(place, searched):
    outcome, before = searched
    assert outcome.tracking.lagging is None
    assert "RUNNING" not in before.values()
    runs, history = by_trial(place), outcome.history
    parent = runs.pop(None)
    assert set(runs) == set(history.trials)
    assert {run.info.run_id for run in [parent, *runs.values()]} >= set(before)
    assert parent.data.metrics["best_accuracy"] == shown(history.best.best_value)
    assert parent.data.metrics["test_accuracy"] == shown(outcome.conclusion.test["accuracy"])
    assert parent.data.params["trial.batch_size"] == "8"
    assert f"{history.best.best_value:.4f}" in parent.data.tags["mlflow.note.content"]
    for number, run in runs.items():
        trial = history.trials[number]
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["ptune.status"] == trial.status
        assert run.info.status == "FINISHED"
        assert run.data.params["length"] == str(trial.config["length"])
        assert ("depth" in run.data.params) == (trial.config["method"] == "v2")
        points = MlflowClient(place.uri).get_metric_history(run.info.run_id, "accuracy")
        curve = sorted((point.step, point.value) for point in points)
        assert curve == [(epoch, shown(report["accuracy"])) for epoch, report in enumerate(trial.reports, start=1)]
        assert {data.tags[0].value for data in run.inputs.dataset_inputs} == {"train", "dev", "test"}


def test_the_experiment_opens_on_its_trials(place, searched):
    tags = MlflowClient(place.uri).get_experiment_by_name("small").tags
    assert tags["mlflow.experiment.primaryMetric.name"] == "best_accuracy"
    assert tags["mlflow.note.content"]
    views = [json.loads(tag) for key, tag in tags.items() if key.startswith("mlflow.sharedViewState.")]
    assert "All searches · Leaderboard" in {view["name"] for view in views}


def test_files_come_back_as_they_were(place, searched, tmp_path):
    outcome, _ = searched
    run_id = outcome.tracking.run_id
    files = {file.path for file in MlflowClient(place.uri).list_artifacts(run_id)}
    assert files >= {"report.html", "leaderboard.csv", "job.toml", "config.json", "artifact"}
    for name in ("report.html", "artifact"):
        fetched = download_artifacts(run_id=run_id, artifact_path=name, dst_path=str(tmp_path), tracking_uri=place.uri)
        assert content_of(Path(fetched)) == content_of(outcome.folder / name)


def content_of(path):
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


def test_syncing_again_changes_nothing(place, searched):
    outcome, _ = searched
    before = {run.info.run_id: as_stored(run) for run in runs_of(place)}
    sync_search("small", outcome.folder.parent)
    assert {run.info.run_id: as_stored(run) for run in runs_of(place)} == before


def as_stored(run):
    info = run.info
    return info.run_name, info.status, info.end_time, run.data.params, run.data.metrics, run.data.tags


def test_no_password_is_written_anywhere(place, searched, request):
    outcome, _ = searched
    assert place.uri in {outcome.tracking.uri, outcome.tracking.uri.replace("***", "horse%2Fbattery%40staple")}
    texts = {path: path.read_bytes() for path in outcome.folder.rglob("*") if path.is_file()}
    if place.name == "sqlite":
        texts["store"] = Path(place.uri.removeprefix("sqlite:///")).read_bytes()
    else:
        texts["store"] = request.getfixturevalue("database").dump("direct" if place.name == "postgresql" else "team")
    if place.name == "server":
        texts["log"] = request.getfixturevalue("team").log.read_bytes()
    assert any(b"small" in text for text in texts.values())
    assert not [name for name, text in texts.items() for secret in SECRETS if secret.encode() in text]


def test_a_password_that_is_wrong_from_then_on_costs_nothing_and_is_said(
    team, tiny_backbone, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr(mlflow_tracker, "_LAGGING_S", 0.1)
    runs = tmp_path / "runs"
    job = small_job(tmp_path / "data", tiny_backbone("bert"), trials=2, epochs=1).model_copy(update={"name": "guess"})
    enter(monkeypatch, team.uri, **as_user(ADMIN, "guessed"))
    with pytest.raises(SpecError, match="does not know user 'admin' with this password"):
        start_search(job, "", runs, LocalRunner())
    assert not runs.exists()
    with monkeypatch.context() as before:
        before.setattr(MlflowTracker, "refusal", lambda _: None)
        outcome = start_search(job, "", runs, LocalRunner())
    assert outcome.status == "complete"
    assert "does not know user 'admin' with this password" in outcome.tracking.lagging
    with pytest.raises(TrackingError, match="does not know user 'admin' with this password"):
        sync_search("guess", runs)
    enter(monkeypatch, team.uri)
    with pytest.raises(TrackingError, match="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"):
        sync_search("guess", runs)
    enter(monkeypatch, team.uri, **as_user(ADMIN, ADMIN_PASSWORD))
    sync_search("guess", runs)
    assert len(runs_of(Place("server", team.uri), "guess")) == 3
    written = [path.read_bytes() for path in runs.rglob("*") if path.is_file()]
    assert not [text for text in [*written, *map(str.encode, capfd.readouterr())] if b"guessed" in text]


def administer(team, action, **content):
    requests.post(f"{team.uri}/api/{action}", json=content, auth=(ADMIN, ADMIN_PASSWORD)).raise_for_status()


def test_who_may_not_write_is_told_until_an_administrator_allows_it(team, search, monkeypatch):
    enter(monkeypatch, team.uri, **as_user(ADMIN, ADMIN_PASSWORD))
    experiment = MlflowClient(team.uri).create_experiment("theirs")
    administer(team, "2.0/mlflow/users/create", username=ANA, password=ANAS_PASSWORD)
    search.begin()
    search.suggest(0)
    search.report(0, 0.5)
    search.end("complete")
    enter(monkeypatch, team.uri, **as_user(ANA, ANAS_PASSWORD))
    with pytest.raises(TrackingError, match=r"user 'ana' may not write to the experiment 'theirs': .* permission EDIT"):
        sync(search.folder, team.uri, "theirs", search.hear)
    right = {"resource_type": "experiment", "resource_id": experiment, "permission": "EDIT"}
    administer(team, "3.0/mlflow/users/permissions/grant", username=ANA, **right)
    sync(search.folder, team.uri, "theirs", search.hear)
    assert len(runs_of(Place("server", team.uri), "theirs")) == 2
