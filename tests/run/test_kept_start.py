"""Searches that start from a trained prompt in a folder or in MLflow, which may be gone a moment later."""

import json
import shutil

import pytest
from mlflow import MlflowClient

from ptune.artifacts import native
from ptune.artifacts.inspection import inspect
from ptune.checks.file import check_file
from ptune.errors import ArtifactError, HubError, JournalError, SpecError, TrackingError
from ptune.files import content_hash
from ptune.record.journal import JOURNAL, read
from ptune.report.provenance import provenance
from ptune.run.local import LocalRunner
from ptune.run.search import confirm_search, resume_search, start_search
from ptune.spec.job import Job
from ptune.spec.write import job_toml
from ptune.tracking.fetch import fetch_prompt
from ptune.tracking.location import DATABASE
from support.interrupting import Interrupting
from support.small_jobs import small_job

SPACE = {
    "parameters": {
        "method": {"value": "v2"},
        "length": {"value": 3},
        "lr": {"low": 1e-3, "high": 1e-2, "log": True},
        "batch_size": {"value": 8},
    }
}
KEPT = "start/prompt.safetensors"


@pytest.fixture(scope="module")
def registered(tiny_backbone, tmp_path_factory, blank_database):
    """A job, searched once; its best prompt is `triage` in the MLflow database of its runs folder."""
    folder = tmp_path_factory.mktemp("registered")
    (folder / "runs").mkdir()
    shutil.copy(blank_database, folder / "runs" / DATABASE)
    content = small_job(folder / "data", tiny_backbone("bert"), trials=2, epochs=2).model_dump()
    tracking = {"register_as": "triage", "experiment": "prompts"}
    job = Job.model_validate({**content, "space": SPACE, "name": "first", "tracking": tracking})
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return job, start_search(job, "", folder / "runs", LocalRunner())


@pytest.fixture
def job(registered):
    return registered[0]


@pytest.fixture
def runs(registered, tmp_path, monkeypatch):
    """The runs folder of the search, and MLflow's database in it; its files stay where they were."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return shutil.copytree(registered[1].folder.parent, tmp_path / "runs")


def starting(job, start, **changes):
    return Job.model_validate({**job.model_dump(), "name": "later", "start": str(start), **changes})


def test_a_search_goes_on_when_the_prompt_that_it_started_from_is_gone(job, runs):
    uri, client = "models:/triage@best", MlflowClient(f"sqlite:///{runs / DATABASE}")
    begun = start_search(starting(job, uri), "", runs, Interrupting(after=1))
    assert begun.status == "interrupted"
    assert content_hash(begun.folder / KEPT) == content_hash(runs / "first/artifact/prompt.safetensors")
    assert begun.history.header.job.start == uri

    client.delete_registered_model("triage")
    shutil.rmtree(runs / "first")
    resumed = resume_search("later", runs, LocalRunner())
    assert (resumed.status, len(resumed.history.ranked())) == ("complete", 2)

    start = resumed.history.header.start
    assert (start.uri, start.search, start.digest) == (uri, "first", content_hash(begun.folder / KEPT))
    assert inspect(resumed.folder / "artifact").manifest.provenance.start == start
    assert str(start) in (resumed.folder / "artifact/README.md").read_text()
    assert provenance(resumed.history).to_json()["start"] == vars(start)
    assert json.loads((resumed.folder / "result.json").read_text())["start"] == vars(start)

    (resumed.folder / KEPT).write_bytes(b"another prompt")
    with pytest.raises(JournalError, match=r"later cannot go on: .*start/prompt.safetensors.* has been changed"):
        resume_search("later", runs, LocalRunner())


def test_a_confirmation_starts_from_the_same_prompt_and_moves_the_alias(job, runs, tmp_path):
    client = MlflowClient(f"sqlite:///{runs / DATABASE}")
    searched = start_search(starting(job, "models:/triage/1"), "", runs, LocalRunner())
    registered = client.get_registered_model("triage").aliases
    assert "confirmed" not in registered
    run = client.get_run(searched.tracking.run_id)
    assert run.data.params["start.uri"] == "models:/triage/1"
    assert str(searched.history.header.start) in run.data.tags["mlflow.note.content"]

    client.delete_model_version("triage", "1")
    confirmed = confirm_search("later", runs, LocalRunner(), top=1, seeds=2)
    assert confirmed.history.header.start == searched.history.header.start
    aliases = client.get_registered_model("triage").aliases
    assert aliases == {**registered, "confirmed": 3}
    held = fetch_prompt("models:/triage@confirmed", f"sqlite:///{runs / DATABASE}", tmp_path)
    assert content_hash(held / "prompt.safetensors") == content_hash(confirmed.folder / "artifact/prompt.safetensors")


@pytest.mark.parametrize(
    ("start", "error", "problem"),
    [
        ("runs:/" + "0" * 32, TrackingError, "runs:/0{32} cannot be fetched from sqlite:.*: (Run with id|No Run)"),
        ("models:/triag@best", TrackingError, "did you mean 'triage'"),
        ("models:/triage@confirmed", TrackingError, "there is: models:/triage/1, models:/triage@best"),
        ("models:/", SpecError, "must be runs:/RUN_ID.*, hub:ORG/NAME or hub:ORG/NAME@REVISION, got 'models:/'"),
        ("hub:prompt", SpecError, "got 'hub:prompt'"),
        ("hub:me/none", HubError, "hub:me/none cannot be fetched from the Hub"),
        ("/nowhere/model:/triage", ArtifactError, "there is no such folder to start from; .* models:/NAME@ALIAS"),
    ],
)
def test_a_prompt_that_is_nowhere_is_refused_before_anything_starts(job, runs, start, error, problem):
    before = {path.name for path in runs.iterdir()}
    with pytest.raises(error, match=f"start: .*{problem}"):
        start_search(starting(job, start), "", runs, LocalRunner())
    assert {path.name for path in runs.iterdir()} == before


def test_a_prompt_that_does_not_fit_or_a_server_that_is_away_is_refused_before_anything_starts(
    job, runs, monkeypatch, tmp_path
):
    experiments = MlflowClient(f"sqlite:///{runs / DATABASE}").search_experiments()
    space = {"parameters": {**SPACE["parameters"], "length": {"value": 4}}}
    with pytest.raises(SpecError, match="start: every trial must have length = 3, as the artifact has"):
        start_search(starting(job, "models:/triage@best", space=space), "", runs, LocalRunner())
    for uri, problem in {
        "http://127.0.0.1:9": "MLflow does not answer there",
        f"sqlite:///{tmp_path}/none.db": "there is no database",
    }.items():
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        with pytest.raises(TrackingError, match=f"start: models:/triage@best cannot be fetched.*{problem}"):
            start_search(starting(job, "models:/triage@best"), "", runs, LocalRunner())
    assert not (runs / "later").exists()
    assert not (tmp_path / "none.db").exists()
    assert len(MlflowClient(f"sqlite:///{runs / DATABASE}").search_experiments()) == len(experiments)


def test_a_job_file_names_a_prompt_by_its_uri_and_is_checked_with_its_data(job, runs, tmp_path):
    given = tmp_path / "given.toml"
    given.write_text(job_toml(starting(job, "models:/triage@best")))
    checked = check_file(given)
    assert checked.job.start == "models:/triage@best"
    assert checked.later == ["the prompt models:/triage@best is fetched when the search starts"]
    read_too = check_file(given, read_data=True, runs=runs)
    assert (read_too.problems, read_too.later) == ([], [])
    (wrong,) = check_file(given, ["start=models:/triage/9"], read_data=True, runs=runs).problems
    assert wrong.startswith(f"{given}: start: models:/triage/9 cannot be fetched")
    (beside,) = check_file(given, ["start=runs:"]).problems
    assert f"start: {tmp_path}/runs:: there is no such folder" in beside


def test_a_search_that_earlier_versions_began_starts_from_the_folder_that_its_job_names(job, runs):
    later = start_search(starting(job, runs / "first/artifact"), "", runs, Interrupting(after=1))
    journal = later.folder / JOURNAL
    header, *rest = journal.read_text().splitlines(keepends=True)
    content = json.loads(header)
    assert content.pop("start")["uri"] is None
    assert native.read(later.folder / "start").manifest == native.read(runs / "first/artifact").manifest
    shutil.rmtree(later.folder / "start")
    journal.write_text("".join([json.dumps(content) + "\n", *rest]))
    assert next(iter(read(journal))).start is None
    assert resume_search("later", runs, LocalRunner()).status == "complete"
