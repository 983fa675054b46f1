"""A whole search in one process: folder, journal, MLflow, artifact, and taking it up again."""

import json
import math
import os
from pathlib import Path

import pytest

from ptune.artifacts import native
from ptune.artifacts.load import load_artifact
from ptune.artifacts.predict import Predictor
from ptune.engine.state import read as read_state
from ptune.errors import JournalError
from ptune.record.events import Loaded, Metered, Reported
from ptune.record.history import FINAL, History
from ptune.record.journal import Journal, read
from ptune.run.confirm import confirmation
from ptune.run.folders import claim_folder, search_folder
from ptune.run.local import LocalRunner
from ptune.run.prepare import prepare
from ptune.run.search import resume_search, start_search
from ptune.tracking.location import DATABASE
from support.closeness import near
from support.interrupting import Interrupting
from support.small_jobs import changed


def test_a_search_ends_with_every_trial_final_and_the_best_exported(finished):
    outcome = finished.outcome
    assert outcome.status == "complete"
    assert {trial.status for trial in outcome.history.trials.values()} <= FINAL
    assert len(outcome.history.trials) == 6
    artifact = native.read(outcome.folder / "artifact")
    assert artifact.manifest.trial == outcome.best.number
    assert artifact.manifest.scores["dev"]["accuracy"] == outcome.best.best_report["accuracy"]
    assert set(outcome.conclusion.test) >= {"accuracy", "macro_f1", "loss"}
    assert (outcome.folder / "job.toml").read_text() == "# as written\n"
    assert json.loads((outcome.folder / "result.json").read_text()) == outcome.to_json()


def test_the_artifact_scores_what_the_search_reported(finished):
    predictor = Predictor.load(finished.outcome.folder / "artifact")
    rows = [line.split("\t") for line in Path(finished.job.task.data.dev).read_text(encoding="utf-8").splitlines()[1:]]
    answers = predictor.predict([(text,) for text, _ in rows])
    right = sum(answer["label"] == label for answer, (_, label) in zip(answers, rows, strict=True))
    assert right / len(rows) == finished.outcome.best.best_report["accuracy"]


def test_the_result_for_programs_names_everything(finished):
    result = finished.outcome.to_json()
    assert {"name", "trials", "statuses", "best", "mlflow", "artifact", "wall_s"} <= result.keys()
    assert {"trial", "config", "metrics"} <= result["best"].keys()
    assert {"uri", "experiment_id", "parent_run_id"} <= result["mlflow"].keys()
    assert sum(result["statuses"].values()) == result["trials"] == 6
    assert result["mlflow"]["parent_run_id"]


def test_the_umask_alone_decides_who_may_read_what_a_search_leaves(finished, tmp_path):
    (tmp_path / "new").touch()
    files = [path for path in finished.outcome.folder.parent.rglob("*") if path.is_file() and path.name != DATABASE]
    assert {".safetensors", ".json", ".jsonl", ".yaml", ".zip"} <= {path.suffix for path in files}
    assert {path.stat().st_mode for path in files} == {(tmp_path / "new").stat().st_mode}


def test_mlflow_shows_one_run_for_the_search_and_one_for_each_trial(finished):
    from mlflow import MlflowClient

    outcome = finished.outcome
    client = MlflowClient(outcome.tracking.uri)
    shown = client.search_runs([outcome.tracking.experiment_id])
    children = [run for run in shown if run.data.tags.get("mlflow.parentRunId") == outcome.tracking.run_id]

    assert len(shown) == len(outcome.history.trials) + 1
    assert len(children) == len(outcome.history.trials)
    status = {"complete": "FINISHED", "stopped": "FINISHED", "failed": "FAILED"}
    for run in children:
        trial = outcome.history.trials[int(run.data.tags["ptune.trial"])]
        assert run.info.status == status[trial.status]
        assert float(run.data.params["lr"]) == pytest.approx(trial.config["lr"], rel=1e-4)
        points = client.get_metric_history(run.info.run_id, "accuracy")
        assert [point.value for point in points] == near([report["accuracy"] for report in trial.reports])
        assert not [name for name in run.data.metrics if name.startswith("system/")]
    readings = [event for event in read(outcome.folder / "journal.jsonl") if isinstance(event, Metered)]
    usage = client.get_metric_history(outcome.tracking.run_id, "system/engine_0/memory_usage_megabytes")
    assert readings
    assert [point.value for point in usage] == [event.usage["memory_usage_megabytes"] for event in readings]
    files = {file.path for file in client.list_artifacts(outcome.tracking.run_id)}
    assert {"job.toml", "artifact"} <= files
    assert client.get_run(outcome.tracking.run_id).inputs.dataset_inputs


def test_the_same_job_gives_the_same_search(finished, runs_after):
    first, second = finished.outcome, start_search(finished.job, "", runs_after, LocalRunner())
    assert (first.name, second.name) == ("small", "small-2")
    for number, trial in first.history.trials.items():
        twin = second.history.trials[number]
        assert twin.config == trial.config
        assert [report["loss"] for report in twin.reports] == near([report["loss"] for report in trial.reports])
    assert second.tracking.experiment_id == first.tracking.experiment_id


@pytest.mark.parametrize("after", [0, 1, 4, 7])
def test_an_interrupted_search_goes_on_where_it_stopped(finished, runs_after, after):
    whole = finished.outcome
    broken = start_search(finished.job, "", runs_after, Interrupting(after))
    assert broken.status == "interrupted"
    kept = {number: len(trial.reports) for number, trial in broken.history.trials.items()}

    resumed = resume_search(broken.name, runs_after, LocalRunner())
    assert resumed.status == "complete"
    assert len(resumed.history.trials) == 6
    epochs = [(e.trial, e.epoch) for e in read(resumed.folder / "journal.jsonl") if isinstance(e, Reported)]
    assert len(epochs) == len(set(epochs))
    assert all(len(resumed.history.trials[number].reports) >= count for number, count in kept.items())
    assert resumed.best.best_value == pytest.approx(whole.best.best_value, abs=0.15)
    for number, trial in resumed.history.trials.items():
        if trial.config == whole.history.trials[number].config:
            shared = min(len(trial.reports), len(whole.history.trials[number].reports))
            twins = zip(trial.reports[:shared], whole.history.trials[number].reports[:shared], strict=True)
            assert all(math.isclose(one["loss"], other["loss"], abs_tol=1e-5) for one, other in twins)


def test_resuming_a_finished_search_changes_nothing(finished, runs_after):
    outcome = finished.outcome
    trials = History.of(read(outcome.folder / "journal.jsonl")).trials
    again = resume_search(outcome.name, runs_after, LocalRunner())
    assert again.to_json()["best"] == outcome.to_json()["best"]
    assert History.of(read(again.folder / "journal.jsonl")).trials == trials


def test_a_resumed_search_keeps_the_type_of_weights_it_began_with(job, runs, monkeypatch):
    auto = job.model_copy(update={"backbone": job.backbone.model_copy(update={"dtype": "auto"})})
    monkeypatch.setattr("ptune.backbone.load._multiplies_bfloat16", lambda _device: True)
    broken = start_search(auto, "", runs, Interrupting(1))
    assert broken.status == "interrupted"
    monkeypatch.setattr("ptune.backbone.load._multiplies_bfloat16", lambda _device: False)
    resumed = resume_search(broken.name, runs, LocalRunner())
    events = read(resumed.folder / "journal.jsonl")
    assert [event.dtype for event in events if isinstance(event, Loaded)] == ["bfloat16"]
    states = [read_state(resumed.folder / trial.state) for trial in resumed.history.trials.values()]
    assert {state.dtype for state in states} == {"bfloat16"}
    assert load_artifact(resumed.folder / "artifact").manifest.backbone.dtype == "bfloat16"
    assert confirmation(resumed.history, top=1, seeds=1)[0].backbone.dtype == "bfloat16"


def test_changed_data_cannot_be_resumed(job, runs):
    broken = start_search(job, "", runs, Interrupting(1))
    with Path(job.task.data.train).open("a", encoding="utf-8") as stream:
        stream.write("red green\tyes\n")
    with pytest.raises(JournalError, match=r"data has changed since it began \(train\)"):
        resume_search(broken.name, runs, LocalRunner())


def test_a_search_that_runs_is_not_taken_up_twice(job, runs):
    broken = start_search(job, "", runs, Interrupting(1))
    holder = Journal(broken.folder / "journal.jsonl")
    with pytest.raises(JournalError, match="is being run by another process"):
        resume_search(broken.name, runs, LocalRunner())
    holder.close()


def test_an_unknown_search_lists_those_there_are(runs_after):
    assert search_folder(runs_after, "small") == runs_after / "small"
    assert [claim_folder(runs_after, "small").name for _ in range(2)] == ["small-2", "small-3"]
    with pytest.raises(JournalError, match=r"no search named 'smal' .*did you mean 'small'"):
        search_folder(runs_after, "smal")


def test_of_many_searches_only_the_latest_are_listed(tmp_path):
    with pytest.raises(JournalError, match=r"no search named 'x' .*\(there is none\)"):
        search_folder(tmp_path, "x")
    for number in range(8):
        (tmp_path / f"s{number}").mkdir()
        journal = tmp_path / f"s{number}" / "journal.jsonl"
        journal.touch()
        os.utime(journal, (number, number))
    with pytest.raises(JournalError, match=r"\(the latest: s7, s6, s5, s4, s3 and 3 more, see `ptune list`\)"):
        search_folder(tmp_path, "x")


def test_a_trial_that_cannot_be_built_fails_alone(job, runs):
    space = {
        "parameters": {
            "method": {"value": "v2"},
            "layers": {"choices": ["1-2", "1-3"]},
            "lengths": {"choices": ["4,4", "4,4,4"]},
            "batch_size": {"value": 8},
        },
        "baseline": [{"layers": "1-3", "lengths": "4,4"}, {"layers": "1-2", "lengths": "4,4"}],
    }
    job = type(job).model_validate({**job.model_dump(), "space": space, "budget": {"trials": 2, "epochs": 1}})
    outcome = start_search(job, "", runs, LocalRunner())
    assert [trial.status for trial in outcome.history.trials.values()] == ["failed", "complete"]
    assert "one length for each of the 3 chosen layers" in outcome.history.trials[0].reason


def test_further_formats_are_written_when_asked_for_and_a_refusal_is_told(job, runs):
    all_layers = {"parameters": {"method": {"value": "v2"}, "length": {"value": 3}}}
    subset = {"parameters": {"method": {"value": "v2"}, "depth": {"value": 1}}}
    for space, written in ((all_layers, True), (subset, False)):
        changes = {"space": space, "budget": {"trials": 1, "epochs": 1}, "export": {"formats": ["native", "peft"]}}
        outcome = start_search(type(job).model_validate({**job.model_dump(), **changes}), "", runs, LocalRunner())
        assert (outcome.folder / "artifact-peft" / "adapter_config.json").is_file() == written
        assert ("peft" in outcome.conclusion.exports) == written
        assert ("peft" not in outcome.conclusion.refused) == written


def test_a_search_for_the_least_loss_keeps_and_exports_what_is_lowest(job, runs):
    least = changed(job, task={"metric": "loss"}, tracking={"type": "none"})
    outcome = start_search(least, "", runs, LocalRunner())
    trials = outcome.history.trials.values()
    lowest = min(value for trial in trials for value in trial.values)
    assert outcome.best.best_value == outcome.to_json()["best_value"] == lowest
    assert outcome.best.status == "complete"
    predictor = Predictor.load(outcome.folder / "artifact")
    kept = outcome.best.best_report["loss"]
    assert predictor.artifact.manifest.scores["dev"]["loss"] == kept
    (splits,) = prepare(job).splits
    assert predictor.measure([splits.dev])["loss"] == pytest.approx(kept, rel=1e-4)
