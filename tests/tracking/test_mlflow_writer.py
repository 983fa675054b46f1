"""The writer against real stores: SQLite, and a server that is late, killed and restarted."""

import math
import shutil
import subprocess
import sys
import time

import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from ptune.errors import JournalError, TrackingError
from ptune.record.events import Ended, Header, Resumed
from ptune.record.journal import read
from ptune.tracking import mlflow_writer
from ptune.tracking.mlflow_writer import MlflowWriter, sync
from support.waiting import PATIENCE_S, wait_for

JOB_FILES = ("job.toml", "job.json")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(mlflow_writer, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(mlflow_writer, "LONGEST_PAUSE", 0.3)


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    """The names of the calls made to MLflow's client."""
    made = []

    class Counting(MlflowClient):
        def __getattribute__(self, name: str):
            if not name.startswith("_"):
                made.append(name)
            return super().__getattribute__(name)

    monkeypatch.setattr("mlflow.MlflowClient", Counting)
    return made


CRASHING_DRIVER = """
import os, sys, time
from pathlib import Path
from ptune.tracking.mlflow_writer import MlflowWriter

def die(trial, run_id):
    if trial == 0:
        os._exit(9)

folder, uri, experiment = sys.argv[1:]
MlflowWriter(Path(folder), uri, experiment, die).start()
time.sleep(600)
"""


@pytest.fixture
def start(search):
    """Start a writer on the search."""
    writers = []

    def start(uri: str, tracked=search.hear, patience: float = 0.0) -> MlflowWriter:
        writers.append(MlflowWriter(search.folder, uri, search.id, tracked, poll=0.05))
        writers[-1].start(patience)
        return writers[-1]

    yield start
    for writer in writers:
        writer.close(10)


def stored(uri, search):
    """Every run of the search by name."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(search.id)
    runs = client.search_runs([experiment.experiment_id])
    names = [trial_name(run) for run in runs]
    assert len(names) == len(set(names)), f"a run is there twice: {names}"
    return dict(zip(names, runs, strict=True))


def trial_name(run):
    """`trial-0003` of a trial's run, the name of the search's."""
    trial = run.data.tags.get("ptune.trial")
    return run.info.run_name if trial is None else f"trial-{int(trial):04d}"


def curve(uri, run, key="accuracy"):
    history = MlflowClient(uri).get_metric_history(run.info.run_id, key)
    return sorted((point.step, point.value) for point in history)


def assert_complete(uri, search):
    """The store holds every report of the journal, once."""
    runs = stored(uri, search)
    for trial, values in search.reports.items():
        assert curve(uri, runs[f"trial-{trial:04d}"]) == list(enumerate(values, start=1))
    return runs


def whole_search(search):
    search.begin()
    search.suggest(0, 1, 2)
    search.report(0, 0.5, 0.6, 0.7)
    search.report(1, 0.4)
    search.finish(0, "complete")
    search.finish(1, "stopped", reason="below the first rung")
    search.finish(2, "failed", reason="out of memory")
    search.end("complete")


def test_a_search_is_shown_in_a_database_made_on_the_way_and_nothing_is_printed(search, start, capfd):
    whole_search(search)
    (search.folder / "leaderboard.csv").write_text("trial\n0\n")
    (search.folder / "curves.png").write_bytes(b"png")
    (search.folder / "artifact").mkdir()
    (search.folder / "artifact" / "prompt.json").write_text("{}")
    uri = f"sqlite:///{search.folder.parent / 'mlflow.db'}"
    writer = start(uri)
    assert writer.close(PATIENCE_S), writer.lagging
    assert capfd.readouterr() == ("", "")
    runs = assert_complete(uri, search)
    assert {name: run.info.status for name, run in runs.items()} == {
        "demo": "FINISHED",
        "trial-0000": "FINISHED",
        "trial-0001": "FINISHED",
        "trial-0002": "FAILED",
    }
    parent, child = runs["demo"], runs["trial-0001"]
    assert writer.parent_run_id == parent.info.run_id
    assert writer.experiment_id == parent.info.experiment_id
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.data.tags["ptune.reason"] == "below the first rung"
    assert (child.data.params["length"], parent.data.metrics["best_accuracy"]) == ("20", 0.6)
    times = {type(event): round(event.time * 1000) for event in read(search.journal.path)}
    assert (parent.info.start_time, parent.info.end_time) == (times[Header], times[Ended])
    files = {file.path for file in MlflowClient(uri).list_artifacts(parent.info.run_id)}
    assert files == {"artifact", "config.json", "curves.png", "job.json", "job.toml", "leaderboard.csv"}
    assert (search.folder.parent / "mlartifacts").is_dir()


def test_the_parent_names_its_data_sets(search, start, database_uri):
    search.begin()
    assert start(database_uri).close(PATIENCE_S)
    run = MlflowClient(database_uri).get_run(stored(database_uri, search)["demo"].info.run_id)
    inputs = {item.tags[0].value: item.dataset for item in run.inputs.dataset_inputs}
    assert {split: (data.name, data.source_type) for split, data in inputs.items()} == {
        "train": ("moods:train", "code"),
        "dev": ("dev.jsonl:dev", "local"),
    }
    assert inputs["train"].digest == "a" * 16


def test_runs_appear_while_the_search_runs(search, start, database_uri):
    search.begin()
    writer = start(database_uri)
    wait_for(lambda: writer.parent_run_id)
    search.suggest(0)
    search.report(0, 0.5)
    wait_for(lambda: (0 in dict(search.tracked)) and not writer.lagging)
    assert stored(database_uri, search)["trial-0000"].info.status == "RUNNING"
    search.report(0, 0.6)
    assert writer.close(PATIENCE_S)
    assert_complete(database_uri, search)


def test_a_patient_writer_begins_with_the_first_report(search, start, database_uri):
    search.begin()
    writer = start(database_uri, patience=3600)
    search.suggest(0)
    search.report(0, 0.5)
    wait_for(lambda: 0 in dict(search.tracked))
    assert writer.close(PATIENCE_S)
    assert_complete(database_uri, search)


def test_a_patient_writer_that_is_closed_sends_everything_at_once(search, start, database_uri):
    search.begin()
    search.suggest(0)
    writer = start(database_uri, patience=3600)
    search.end("interrupted")
    assert writer.close(PATIENCE_S)
    assert set(stored(database_uri, search)) == {"demo", "trial-0000"}


def test_a_writer_that_was_never_started_sends_everything_when_it_is_closed(search, database_uri):
    whole_search(search)
    assert MlflowWriter(search.folder, database_uri, search.id, search.hear).close(PATIENCE_S)
    assert_complete(database_uri, search)


def test_resuming_goes_on_in_the_same_runs(search, start, database_uri):
    search.begin()
    search.suggest(0, 1)
    search.report(0, 0.5)
    search.finish(0, "stopped")
    search.report(1, 0.6)
    search.end("interrupted")
    assert start(database_uri).close(PATIENCE_S)
    before = stored(database_uri, search)
    statuses = {name: run.info.status for name, run in before.items()}
    assert statuses == {"demo": "KILLED", "trial-0000": "FINISHED", "trial-0001": "KILLED"}
    search.journal.append(Resumed({}))
    search.report(1, 0.7)
    search.finish(1, "stopped")
    search.end("complete")
    assert start(database_uri).close(PATIENCE_S)
    after = assert_complete(database_uri, search)
    assert {name: run.info.run_id for name, run in after.items()} == {n: r.info.run_id for n, r in before.items()}
    assert after["demo"].info.status == "FINISHED"
    assert after["trial-0001"].info.status == "FINISHED"
    assert len(search.tracked) == 3


def test_a_trial_that_has_ended_takes_four_requests(search, start, database_uri, calls):
    whole_search(search)
    assert start(database_uri).close(PATIENCE_S)
    per_trial = ("create_run", "log_inputs", "log_batch", "set_terminated")
    runs = 4  # three trials and the search
    assert {name: calls.count(name) for name in per_trial} == dict.fromkeys(per_trial, runs)
    experiment = {"get_experiment_by_name", "get_experiment", "create_experiment", "set_experiment_tag"}
    assert set(calls) <= {*per_trial, *experiment, "log_text", "log_artifact", "search_runs"}
    assert calls.count("search_runs") == 2


def test_whole_runs_are_not_sent_again(search, start, database_uri, calls):
    whole_search(search)
    assert start(database_uri).close(PATIENCE_S)
    calls.clear()
    assert start(database_uri).close(PATIENCE_S)
    assert calls.count("log_batch") == 1  # the parent's
    assert "create_run" not in calls


def test_test_scores_reach_a_run_that_was_whole_before_them(search, start, database_uri):
    whole_search(search)
    assert start(database_uri).close(PATIENCE_S)
    search.test(0, accuracy=0.4)
    for _ in range(2):
        assert start(database_uri).close(PATIENCE_S)
    assert stored(database_uri, search)["trial-0000"].data.metrics["test_accuracy"] == 0.4


def test_values_that_are_not_finite_are_kept_and_sent_twice_without_harm(search, start, database_uri):
    search.begin()
    search.suggest(0)
    search.report(0, 0.5, math.nan, math.inf)
    for _ in range(2):
        assert start(database_uri).close(PATIENCE_S)
    run = stored(database_uri, search)["trial-0000"]
    values = [value for _, value in curve(database_uri, run)]
    assert values[0] == 0.5
    assert math.isnan(values[1])
    assert values[2] > 1e300
    assert curve(database_uri, run, "best_accuracy") == [(0, 0.5)]


def test_a_crash_between_creating_a_run_and_journaling_it_makes_no_second_run(search, start):
    search.begin()
    search.suggest(0)
    search.report(0, 0.5)
    uri = f"sqlite:///{search.folder.parent / 'mlflow.db'}"
    command = [sys.executable, "-c", CRASHING_DRIVER, str(search.folder), uri, search.id]
    crash = subprocess.run(command, capture_output=True, check=False)
    assert (crash.returncode, crash.stdout, crash.stderr) == (9, b"", b"")
    assert start(uri).close(PATIENCE_S)
    runs = assert_complete(uri, search)
    assert dict(search.tracked) == {None: runs["demo"].info.run_id, 0: runs["trial-0000"].info.run_id}


def test_a_lost_answer_makes_no_second_run(search, start, database_uri, monkeypatch):
    lost = []

    class LosesFirstAnswers(MlflowClient):
        def create_run(self, *args, run_name, **kwargs):
            run = super().create_run(*args, run_name=run_name, **kwargs)
            if run_name not in lost:
                lost.append(run_name)
                raise MlflowException("timed out")
            return run

    monkeypatch.setattr("mlflow.MlflowClient", LosesFirstAnswers)
    search.begin()
    search.suggest(0)
    search.report(0, 0.5)
    assert start(database_uri).close(PATIENCE_S)
    assert lost == ["demo", "#0 v2 · 20 tokens · lr 0.01"]
    assert_complete(database_uri, search)


def test_a_run_that_turns_up_late_is_removed(search, start, database_uri):
    search.begin()
    search.suggest(0)
    search.report(0, 0.5)
    writer = start(database_uri)
    wait_for(lambda: 0 in dict(search.tracked))
    tags = {"ptune.search": search.id, "ptune.trial": "0"}
    MlflowClient(database_uri).create_run(writer.experiment_id, tags=tags, run_name="trial-0000")
    assert writer.close(PATIENCE_S)
    assert_complete(database_uri, search)


def test_a_run_that_the_user_deleted_stays_deleted(search, start, database_uri):
    search.begin()
    search.suggest(0, 1)
    search.report(1, 0.5)
    assert start(database_uri).close(PATIENCE_S)
    MlflowClient(database_uri).delete_run(dict(search.tracked)[0])
    search.report(0, 0.6)
    assert start(database_uri).close(PATIENCE_S)
    assert set(stored(database_uri, search)) == {"demo", "trial-0001"}


def test_a_refused_run_does_not_hold_up_the_others(search, start, database_uri, monkeypatch):
    create = MlflowClient.create_run

    def choosy(client, experiment_id, **options):
        if options["tags"].get("ptune.trial") == "0":
            raise MlflowException.invalid_parameter_value("this run is not taken")
        return create(client, experiment_id, **options)

    monkeypatch.setattr(MlflowClient, "create_run", choosy)
    search.begin()
    search.suggest(0, 1)
    search.report(1, 0.5)
    writer = start(database_uri)
    assert not writer.close(PATIENCE_S)
    assert "refuses trial 0" in writer.lagging
    assert_complete(database_uri, search)


def test_another_store_gets_runs_of_its_own(search, start, database_uri, blank_database, tmp_path):
    whole_search(search)
    assert start(database_uri).close(PATIENCE_S)
    other = f"sqlite:///{shutil.copy(blank_database, tmp_path / 'other.db')}"
    assert start(other).close(PATIENCE_S)
    assert_complete(other, search)
    assert len(search.tracked) == 8


def test_a_server_late_killed_and_restarted_loses_and_doubles_nothing(search, start, server):
    server.kill()
    search.begin()
    search.suggest(0, 1)
    search.report(0, 0.1, 0.2)
    writer = start(server.uri)
    wait_for(lambda: writer.lagging)
    server.start()
    wait_for(lambda: len(search.tracked) == 3 and not writer.lagging)
    search.report(1, 0.3)
    server.kill()
    search.suggest(2)
    search.report(2, 0.4, 0.5)
    search.report(0, 0.6)
    wait_for(lambda: writer.lagging)
    for trial in range(3):
        search.finish(trial, "complete")
    search.end("complete")
    server.start()
    assert writer.close(PATIENCE_S), writer.lagging
    runs = assert_complete(server.uri, search)
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert len(search.tracked) == 4
    assert {file.path for file in MlflowClient(server.uri).list_artifacts(writer.parent_run_id)} == {
        "config.json",
        *JOB_FILES,
    }


def test_sending_a_journal_to_a_server_twice_changes_nothing(search, start, server):
    server.start()
    search.begin()
    search.suggest(0)
    search.report(0, 0.1, math.nan, 0.3)
    assert start(server.uri).close(PATIENCE_S)
    before = {name: run.to_dictionary() for name, run in stored(server.uri, search).items()}
    assert start(server.uri).close(PATIENCE_S)
    runs = stored(server.uri, search)
    assert str({name: run.to_dictionary() for name, run in runs.items()}) == str(before)
    assert len(curve(server.uri, runs["trial-0000"])) == 3


def test_what_engines_take_is_sent_once_however_often_a_search_is_synced(search, database_uri):
    search.begin()
    search.suggest(0)
    search.report(0, 0.5)
    search.meter(0, cpu_utilization_percentage=98.7)
    search.meter(1, cpu_utilization_percentage=55.0)
    search.end("complete")
    for _ in range(2):
        sync(search.folder, database_uri, search.id, search.hear)
        runs = stored(database_uri, search)
        values = [
            [value for _, value in curve(database_uri, runs["demo"], f"system/engine_{n}/cpu_utilization_percentage")]
            for n in (0, 1)
        ]
        assert values == [[98.7], [55.0]]
        assert not [name for name in runs["trial-0000"].data.metrics if name.startswith("system/")]


def test_requests_are_counted_in_runs_not_in_metrics(search, start, server, monkeypatch):
    server.start()
    sent = []
    send = requests.Session.send
    monkeypatch.setattr(requests.Session, "send", lambda *args, **kwargs: [sent.append(1), send(*args, **kwargs)][1])
    search.begin()
    search.suggest(*range(8))
    for trial in range(8):
        search.report(trial, *[0.1 * trial + 0.01 * epoch for epoch in range(10)])
        search.finish(trial, "complete")
    search.end("complete")
    assert start(server.uri).close(PATIENCE_S)
    assert len(sent) <= 4 * 9 + 24, len(sent)  # for 9 runs and 80 reports of 12 metrics


def test_a_report_costs_the_search_nothing_while_the_server_is_down(search, start, server, monkeypatch):
    monkeypatch.setattr(mlflow_writer, "FIRST_PAUSE", 2 * PATIENCE_S)
    server.kill()
    search.begin()
    search.suggest(0)
    writer = start(server.uri)
    wait_for(lambda: writer.lagging)
    began = time.monotonic()
    search.report(0, *[0.5] * 50)
    assert time.monotonic() - began < PATIENCE_S, "a report waited until the writer tried again"
    assert not writer.close(0.3)
    assert "refused" in writer.lagging


def test_sync_catches_up_with_a_search_that_died(search, database_uri):
    search.begin()
    search.suggest(0, 1)
    search.report(0, 0.5)
    search.finish(0, "complete")
    parent = sync(search.folder, database_uri, search.id, search.hear)
    runs = assert_complete(database_uri, search)
    assert runs["demo"].info.run_id == parent
    assert [run.info.status for _, run in sorted(runs.items())] == ["KILLED", "FINISHED", "KILLED"]
    assert sync(search.folder, database_uri, search.id, search.hear) == parent
    assert len(search.tracked) == 3


def test_sync_says_what_is_wrong(search, server, tmp_path):
    server.kill()
    search.begin()
    with pytest.raises(TrackingError, match="Connection refused"):
        sync(search.folder, server.uri, search.id, search.hear)


def test_sync_needs_a_journal(search, tmp_path, database_uri):
    (tmp_path / "empty").mkdir()
    with pytest.raises(JournalError, match="no journal here"):
        sync(tmp_path / "empty", database_uri, "empty", search.hear)


def test_a_deleted_experiment_is_named(search, database_uri):
    client = MlflowClient(database_uri)
    client.delete_experiment(client.create_experiment(search.id))
    search.begin()
    with pytest.raises(TrackingError, match="is deleted: restore it"):
        sync(search.folder, database_uri, search.id, search.hear)
