"""What MLflow can compare: the runs of a search over two methods, in a real store."""

import shutil
from collections import Counter

import pytest
from mlflow import MlflowClient

from ptune.diagnosis.diagnose import diagnose
from ptune.record.dev_part import DEV_EXAMPLES
from ptune.record.events import Ended, Finished, Origin, Reported, Suggested
from ptune.record.history import History
from ptune.record.journal import Journal, read
from ptune.tracking.mlflow_writer import sync
from ptune.tracking.views import TRIALS
from support import simulated
from support.made_headers import header_of
from support.played import make_job, play


@pytest.fixture(scope="module")
def tracked(tmp_path_factory, blank_database):
    """A search over v1 and v2, its store and all its runs: the search's own, then its trials'."""
    runs = tmp_path_factory.mktemp("runs")
    folder = runs / "played"
    folder.mkdir()
    uri = f"sqlite:///{shutil.copy(blank_database, runs / 'mlflow.db')}"
    path = folder / "journal.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        history = play(path, patch, make_job(), origin=Origin("ana", "ptune search jobs/played.toml", "a" * 40))
    journal = Journal(path)
    journal.append(Ended("complete", history.best_result, {"accuracy": 0.83, "macro_f1": 0.8}))
    journal.close()
    sync(folder, uri, "played", lambda _trial, _run_id: None)
    return folder, uri, history


def of(tracked):
    _, uri, _ = tracked
    client = MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("played").experiment_id])
    parent = next(run for run in runs if run.data.tags["ptune.kind"] == "search")
    return parent, [run for run in runs if run is not parent]


def test_trials_carry_what_differs_and_nothing_else(tracked):
    parent, trials = of(tracked)
    values = {}
    for run in trials:
        for name, text in run.data.params.items():
            values.setdefault(name, Counter())[text] += 1
    assert set(values) == {"method", "length", "encoder", "depth", "lr"}
    assert all(len(texts) > 1 for texts in values.values())
    assert "None" not in {text for texts in values.values() for text in texts}
    assert {run.data.params["method"] for run in trials if "depth" in run.data.params} == {"v2"}
    assert parent.data.params["trial.batch_size"] == "32"
    assert not {name.removeprefix("trial.") for name in parent.data.params} & set(values)


def test_no_name_is_a_parameter_and_a_metric(tracked):
    parent, trials = of(tracked)
    params = {name for run in [parent, *trials] for name in run.data.params}
    metrics = {name for run in [parent, *trials] for name in run.data.metrics}
    assert not params & metrics
    assert metrics >= {"accuracy", "loss", "best_accuracy", "best_epoch", "trained_epochs", "seconds_per_epoch"}


def test_the_test_score_is_on_the_winner_and_the_search(tracked):
    parent, trials = of(tracked)
    winner = parent.data.tags["ptune.best_trial"]
    scored = [run.data.tags["ptune.trial"] for run in trials if "test_accuracy" in run.data.metrics]
    assert scored == [winner]
    assert parent.data.metrics["test_accuracy"] == 0.83


def test_only_failures_look_like_failures(tracked):
    _, trials = of(tracked)
    assert {run.data.tags["ptune.status"] for run in trials} == {"complete", "stopped"}
    assert {run.info.status for run in trials} == {"FINISHED"}


def test_every_run_says_where_it_comes_from(tracked):
    parent, trials = of(tracked)
    for run in [parent, *trials]:
        assert run.data.tags["mlflow.user"] == "ana"
        assert run.data.tags["mlflow.source.name"] == "ptune search jobs/played.toml"
        assert run.data.tags["mlflow.source.git.commit"] == "a" * 40
        assert [data.dataset.name for data in run.inputs.dataset_inputs] == ["none:dev:dev"]


def test_the_search_describes_itself(tracked):
    parent, trials = of(tracked)
    note = parent.data.tags["mlflow.note.content"]
    assert "**Best accuracy: 0.8" in note
    assert "0.8300 on test" in note
    assert "| trial | accuracy | epoch | method | length | encoder | depth | lr | trainable parameters |" in note
    assert all("·" in run.info.run_name for run in trials)


def test_search_and_experiment_say_what_to_try_next(tracked):
    folder, uri, _ = tracked
    parent, _ = of(tracked)
    experiment = MlflowClient(uri).get_experiment(parent.info.experiment_id)
    diagnoses = diagnose(History.of(read(folder / "journal.jsonl")))
    assert diagnoses
    for note in (parent.data.tags["mlflow.note.content"], experiment.tags["mlflow.note.content"]):
        assert all(f"`{diagnosis.typed}`" in note for diagnosis in diagnoses)
    assert "**What to try after played**" in experiment.tags["mlflow.note.content"]


def test_a_run_with_another_layout_is_repaired(tracked):
    folder, uri, history = tracked
    client = MlflowClient(uri)
    _, trials = of(tracked)
    stopped = next(run for run in trials if run.data.tags["ptune.status"] == "stopped")
    name = stopped.info.run_name
    client.delete_tag(stopped.info.run_id, "ptune.layout")
    client.set_tag(stopped.info.run_id, "mlflow.runName", "trial-0000")
    client.set_terminated(stopped.info.run_id, "KILLED", stopped.info.end_time)
    sync(folder, uri, "played", lambda _trial, _run_id: None)
    repaired = client.get_run(stopped.info.run_id)
    assert (repaired.info.run_name, repaired.info.status) == (name, "FINISHED")
    assert repaired.data.params == stopped.data.params
    assert len(of(tracked)[1]) == len(history.trials)
    assert read(folder / "journal.jsonl")


def test_the_experiment_is_described_until_people_do_it_themselves(tracked):
    folder, uri, _ = tracked
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("played")
    note = experiment.tags["mlflow.note.content"]
    assert note.startswith(f"All trials: [Leaderboard](#/experiments/{experiment.experiment_id}/runs?")
    assert "| #0 | " in note
    client.set_experiment_tag(experiment.experiment_id, "mlflow.note.content", "Mine.")
    sync(folder, uri, "played", lambda _trial, _run_id: None)
    assert client.get_experiment_by_name("played").tags["mlflow.note.content"] == "Mine."


def test_metrics_have_as_many_digits_as_a_column_shows(tracked):
    _, trials = of(tracked)
    best = trials[-1].data.metrics
    assert best["best_accuracy"] == round(best["best_accuracy"], 6)
    assert best["trainable_parameters"] == 384 * int(trials[-1].data.params["length"])


@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_a_trial_on_a_part_of_dev_comes_behind_those_on_all_of_it(order, tmp_path, blank_database):
    uri = f"sqlite:///{shutil.copy(blank_database, tmp_path / 'mlflow.db')}"
    lucky, poor, whole = {"accuracy": 0.9, DEV_EXAMPLES: 20.0}, {"accuracy": 0.2, DEV_EXAMPLES: 20.0}, {"accuracy": 0.7}
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(header_of(simulated.make_job(limits={"dev_grows": True})))
    for number, reports in enumerate([[lucky], [poor, whole], [poor]]):
        journal.append(Suggested(number, {"method": "v2"}))
        for epoch, metrics in enumerate(reports, 1):
            journal.append(Reported(number, epoch, metrics, "s"))
        journal.append(Finished(number, "stopped"))
    journal.close()
    sync(tmp_path, uri, "grown", lambda _trial, _run_id: None)
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("grown")
    runs = client.search_runs([experiment.experiment_id], TRIALS, order_by=[f"metrics.`best_accuracy` {order}"])
    assert [run.data.metrics.get("best_accuracy") for run in runs] == [0.7, None, None]
    assert runs[0].data.tags["ptune.trial"] == "1"
    assert "A trial that was never scored on all of that split has none." in experiment.tags["mlflow.note.content"]
