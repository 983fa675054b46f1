"""A real search whose users change it: every request is answered once, however the search ends."""

import signal
import subprocess
import sys
import threading

import pytest

from ptune import open as open_search
from ptune.engine.state import read as read_state
from ptune.errors import JournalError, SpecError
from ptune.record.events import Ended, Finished, Refused, Reported, Started
from ptune.record.history import History
from ptune.record.journal import JOURNAL, read
from ptune.record.requests import Clone, End, Extend
from ptune.run.asking import ask
from ptune.run.finished import lacking
from ptune.run.local import LocalRunner
from ptune.run.search import resume_search, start_search
from ptune.spec.job import Job
from ptune.storage.requests import RequestFolder
from support.asked import CHANGES
from support.repository import ROOT
from support.small_jobs import small_job
from support.waiting import wait_for

SPACE = {
    "parameters": {
        "method": {"choices": ["v1", "v2"]},
        "length": {"low": 2, "high": 4},
        "lr": {"low": 1e-3, "high": 1e-1, "log": True},
        "batch_size": {"value": 8},
    },
    "baseline": [{"method": "v2", "length": 3, "lr": 0.05}],
}


def steady_job(folder, backbone, **budget):
    """A job of one slot, so that every number is the same however often its search is taken up."""
    budget = {"trials": 3, "epochs": 3, "sampler": "random", "stopping": {"type": "none"}, **budget}
    job = small_job(folder, backbone, **budget).model_dump(mode="json")
    return {**job, "space": SPACE, "resources": {"slots": 1}, "tracking": {"type": "none"}}


@pytest.fixture(scope="module")
def make_job(tiny_backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return lambda **options: Job.model_validate(steady_job(folder, tiny_backbone("bert"), **options))


def best(folder, trial):
    return read_state(folder / trial.state).best


def test_requests_survive_the_death_of_the_process_that_takes_them(make_job, runs):
    job = make_job()
    (runs / "job.json").write_text(job.model_dump_json(), encoding="utf-8")
    command = [sys.executable, "-m", "support.asked", str(runs / "job.json"), str(runs)]
    assert subprocess.run(command, cwd=ROOT / "tests", check=False).returncode == -signal.SIGKILL
    folder = runs / "small"
    asked = RequestFolder(folder).new()
    assert [request.change for request in asked] == CHANGES
    assert [request.id in History.of(read(folder / JOURNAL)).answers for request in asked] == [
        True,
        True,
        False,
        False,
        False,
    ]

    outcome = resume_search("small", runs, LocalRunner())
    history = outcome.history
    assert list(history.answers) == [request.id for request in asked]
    added, clone, stopped, extended, end = history.answers.values()
    assert (added.trial, added.config["lr"], clone.trial, clone.cloned, clone.warm) == (2, 0.5, 3, 0, True)
    assert (stopped.trial, extended.trials) == (2, 1)
    assert isinstance(end, Refused)  # the search had ended without being asked
    assert [trial.status for trial in history.trials.values()] == ["complete"] * 2 + ["stopped"] + ["complete"] * 3
    assert history.planned == len(history.trials) == 6
    events = read(folder / JOURNAL)
    epochs = [(event.trial, event.epoch) for event in events if isinstance(event, Reported)]
    assert len(epochs) == len(set(epochs)) == 5 * 3
    assert not [event for event in events if isinstance(event, Started) and event.trial == 2]

    alone = start_search(make_job(trials=4), "", runs.parent / "alone", LocalRunner())
    for number in (0, 1):
        before, now = alone.history.trials[number], history.trials[number]
        assert [report["loss"] for report in now.reports] == [report["loss"] for report in before.reports]
        first, second = best(alone.folder, before), best(folder, now)
        assert first.keys() == second.keys()
        assert all(bool((first[name] == second[name]).all()) for name in first)
    own = [trial.config for trial in history.trials.values() if not trial.added]
    assert own == [trial.config for trial in alone.history.trials.values()]
    warm, cold = history.trials[3], history.trials[0]
    assert warm.reports[0]["train_loss"] < cold.reports[0]["train_loss"]


def runs_in_mlflow(outcome):
    """What MLflow has of each trial, by its number."""
    from mlflow import MlflowClient

    found = MlflowClient(outcome.tracking.uri).search_runs([outcome.tracking.experiment_id])
    return {run.data.tags["ptune.trial"]: run.data for run in found if "ptune.trial" in run.data.tags}


def test_a_search_is_asked_while_it_runs_and_after_its_end(make_job, runs):
    running = threading.Thread(target=start_search, args=(make_job(trials=2, epochs=2000), "", runs, LocalRunner()))
    running.start()
    folder = runs / "small"

    def reported():
        written = (folder / JOURNAL).exists()
        return written and any(isinstance(event, Reported) for event in read(folder / JOURNAL))

    wait_for(reported, lambda: not running.is_alive() and "the search has ended")
    search = open_search(folder)
    assert search.add({"lr": 0.02, "weight_decay": 0.1}) == 1
    assert search.stop(1)
    assert search.clone(0, warm=True) == 2
    assert search.extend(1)
    with pytest.raises(SpecError, match="trial 1 has ended already"):
        search.stop(1)
    assert search.stop()
    running.join()
    ended = read(folder / JOURNAL)[-1]
    assert isinstance(ended, Ended)
    assert (ended.status, ended.request) == ("interrupted", RequestFolder(folder).new()[-1].id)
    with pytest.raises(JournalError, match="small does not run: it is interrupted"):
        search.stop()
    assert [trial.by_user for trial in search.history.trials.values()] == [
        None,
        "added, ended by user",
        "warm clone of 0",
    ]
    assert search.clone(1) is None  # it waits for the search to go on


def test_a_complete_search_with_a_request_goes_on(finished, runs_after):
    folder = runs_after / "small"
    history = finished.outcome.history
    assert lacking(folder, history) == []
    parent = history.best.number
    for change in (Extend(1), Clone(parent, {"lr": 0.01, "weight_decay": 0.1}, warm=True)):
        asked = ask(folder, change)
        assert (asked.running, asked.answer) == (False, None)
    assert lacking(folder, history) is None
    again = resume_search("small", runs_after, LocalRunner())
    assert again.status == "complete"
    assert len(again.history.trials) == 8
    assert [trial.status for trial in list(again.history.trials.values())[:6]] == [
        trial.status for trial in history.trials.values()
    ]
    clone = again.history.trials[6]
    assert (clone.by_user, clone.strange) == (f"warm clone of {parent}", ["weight_decay"])
    shown = runs_in_mlflow(again)
    tags = shown["6"].tags
    assert (tags["ptune.by_user"], tags["ptune.cloned_from"]) == (clone.by_user, str(parent))
    run_id = History.of(read(folder / JOURNAL)).trials[parent].run_id
    assert tags["ptune.cloned_from_run"] == run_id
    assert run_id in tags["mlflow.note.content"]
    assert shown["6"].params["weight_decay"] == "0.1"
    assert "ptune.by_user" not in shown[str(parent)].tags
    assert lacking(folder, again.history) == []
    with pytest.raises(JournalError, match="does not run: it is complete"):
        ask(folder, End())
    assert not [event for event in read(folder / JOURNAL) if isinstance(event, Finished) and event.request]
