"""Runs that an earlier version of ptune wrote: a real search of it, as its journal and MLflow held it."""

import json
import shutil

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from ptune.record.history import History
from ptune.record.journal import read
from ptune.tracking.metrics import shown
from ptune.tracking.mlflow_writer import sync
from support.repository import ROOT

RECORDED = ROOT / "tests" / "fixtures" / "repaired"


@pytest.fixture(scope="module")
def repaired(tmp_path_factory, blank_database):
    """The search's history and its runs before and after, the search's first."""
    folder = shutil.copytree(RECORDED, tmp_path_factory.mktemp("runs") / "quickstart")
    client = MlflowClient(f"sqlite:///{shutil.copy(blank_database, folder.parent / 'mlflow.db')}")
    experiment = client.create_experiment("quickstart", str(folder.parent / "mlartifacts"))
    before = [write(client, experiment, run) for run in json.loads((RECORDED / "runs.json").read_text())]
    for _ in range(2):
        sync(folder, client.tracking_uri, "quickstart", lambda _trial, _run_id: None)
    after = [client.get_run(run.info.run_id) for run in before]
    assert len(client.search_runs([experiment])) == len(after)
    return History.of(read(folder / "journal.jsonl")), before, after, client.get_experiment(experiment)


def write(client, experiment, recorded):
    """One run as the earlier version wrote it."""
    run = client.create_run(experiment, recorded["start"], recorded["tags"], recorded["name"])
    client.log_batch(
        run.info.run_id,
        [Metric(*point) for point in recorded["metrics"]],
        [Param(*param) for param in recorded["params"].items()],
        [RunTag("mlflow.note.content", "")],
    )
    client.set_terminated(run.info.run_id, recorded["status"], recorded["end"])
    return client.get_run(run.info.run_id)


def test_runs_are_named_and_end_as_they_do_now(repaired):
    _, before, after, _ = repaired
    assert [run.info.status for run in before] == ["FINISHED", "FINISHED", "KILLED", "FINISHED"]
    assert [run.info.status for run in after] == ["FINISHED"] * 4
    names = [run.info.run_name for run in after]
    assert names[0] == "quickstart"
    assert all(
        name.startswith(f"#{trial} v") and "lr" in name for trial, name in zip((0, 1, 2), names[1:], strict=True)
    )
    assert {run.data.tags["ptune.layout"] for run in after} == {"2"}
    assert {run.data.tags["mlflow.source.name"] for run in after} == {"ptune search quickstart"}


def test_metrics_show_what_they_mean_now(repaired):
    history, before, after, _ = repaired
    for trial, earlier, run in zip(history.trials.values(), before[1:], after[1:], strict=True):
        assert run.data.metrics["seconds"] == pytest.approx(
            sum(report["seconds"] for report in trial.reports), rel=1e-5
        )
        assert run.data.metrics["seconds"] > earlier.data.metrics["seconds"]  # of the last epoch alone
        assert run.data.metrics["best_accuracy"] == pytest.approx(trial.best_value, rel=1e-5)
        assert run.data.metrics["best_epoch"] == trial.best_epoch
        assert run.data.metrics["trained_epochs"] == trial.epoch
    parent, winner = after[0], after[-1]
    assert parent.data.metrics["best_accuracy"] == pytest.approx(history.best.best_value, rel=1e-5)
    scores = {run.data.metrics["test_accuracy"] for run in (parent, winner)}
    assert scores == {shown(history.ended.test["accuracy"])}


def test_the_experiment_and_the_search_describe_themselves(repaired):
    history, _, after, experiment = repaired
    assert f"{history.best.best_value:.4f}" in after[0].data.tags["mlflow.note.content"]
    assert experiment.tags["mlflow.experiment.primaryMetric.name"] == "best_accuracy"
    assert any(key.startswith("mlflow.sharedViewState.") for key in experiment.tags)
    assert all(run.inputs.dataset_inputs for run in after)


def test_parameters_stay_since_mlflow_lets_none_change(repaired):
    _, before, after, _ = repaired
    for earlier, run in zip(before, after, strict=True):
        assert earlier.data.params.items() <= run.data.params.items()
    assert after[0].data.params["trial.batch_size"] == "16"
