"""`ptune trial`, `ptune extend` and `ptune stop`: what people are told, whether a search runs or not."""

import json
import threading
from contextlib import closing
from types import SimpleNamespace

import pytest

from ptune.errors import ClusterError
from ptune.record.events import Ended
from ptune.record.journal import JOURNAL, Journal, read
from ptune.run.inbox import Inbox
from ptune.searching.conductor import Conductor
from ptune.spec.load import load_job
from ptune.storage.requests import REQUESTS
from support.made_headers import header_of


def report(conductor, trial, value):
    conductor.report(trial, conductor.history.trials[trial].epoch + 1, {"accuracy": value, "loss": 0.5}, "state")


def drive(folder, job, begun, over):
    """Run a search without training: two trials have reported. It takes requests until it is over."""
    with closing(Journal(folder / JOURNAL)) as journal:
        conductor = Conductor(journal, [journal.append(header_of(load_job(job)))])
        for trial in (0, 1):
            conductor.next_turn()
            report(conductor, trial, 0.5 + trial / 4)
        inbox = Inbox(folder, conductor)
        begun.set()
        end = None
        while end is None and not over.wait(0.02):
            end = inbox.look().end
        journal.append(Ended("interrupted", request=end))


@pytest.fixture
def running(job, tmp_path):
    """A search that runs; `over` ends it."""
    folder = tmp_path / "ptune_runs" / "tiny"
    begun, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=drive, args=(folder, job, begun, over))
    thread.start()
    begun.wait()
    yield SimpleNamespace(folder=folder, over=over, thread=thread)
    over.set()
    thread.join()


def test_a_running_search_answers(ptune, running):
    added = ptune(
        "trial", "add", "tiny", "--set", "method=v2", "--set", "lr=0.5", "--set", "depth=3", "--set", "length=4"
    )
    assert added.out.splitlines() == [
        "trial 2 is added: v2 · 3 layers · 4 tokens · lr 0.5 · embedding",
        "lr = 0.5 lies outside the space",
    ]
    clone = json.loads(ptune("trial", "clone", "tiny", "2", "--set", "length=5", "--json").out)
    assert (clone["trial"], clone["answered"], clone["running"]) == (3, True, True)
    assert clone["said"][0].startswith("trial 3 is a clone of trial 2: v2 · 3 layers · 5 tokens")
    assert ptune("trial", "stop", "tiny", "0").out == "trial 0 is stopped after 1 epoch; its best accuracy is 0.5000\n"
    assert ptune("extend", "tiny", "--trials", "+3").out == "3 trials more: 9 in all\n"
    assert ptune("list").out.splitlines()[1].split()[2:5] == ["4", "of", "9"]
    stopped = ptune("stop", "tiny")
    assert stopped.code == 0
    assert stopped.out.startswith("tiny is interrupted; go on with `")
    assert read(running.folder / JOURNAL)[-1].request is not None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trial", "add", "tiny", "--set", "lrr=1"], "lrr is not a parameter; did you mean 'lr'?"),
        (["trial", "add", "tiny", "--set", "lr"], "--set lr: write parameter=value"),
        (["trial", "add", "tiny", "--set", "lr=[1]"], "a number, a word or true and false belong here"),
        (["trial", "add", "tiny", "--set", "lr=1", "--set", "lr=2"], "lr is set twice"),
        (["trial", "add", "tiny", "--set", "lr=nan"], "a number, a word or true and false belong here"),
        (["trial", "clone", "tiny", "9"], "tiny has no trial 9; its trials are 0 to 1"),
        (["trial", "clone", "tiny", "0", "--warm", "--set", "length=50"], "a warm start needs the same length"),
        (["extend", "tiny", "--trials", "20"], "--trials says how many more, such as +20, got '20'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_it_is_asked(ptune, running, arguments, said):
    result = ptune(*arguments)
    assert result.code == 2
    assert said in result.err
    assert not (running.folder / REQUESTS).exists()


def test_a_search_that_does_not_run_keeps_requests_until_it_goes_on(ptune, running):
    running.over.set()
    running.thread.join()
    result = ptune("extend", "tiny", "--trials", "+1")
    assert result.code == 0
    assert "tiny is interrupted, so this waits until it goes on: `" in result.out
    assert result.out.endswith("resume tiny`\n")
    refused = ptune("stop", "tiny")
    assert (refused.code, refused.err) == (1, "ptune: tiny does not run: it is interrupted\n")
    assert len(list((running.folder / REQUESTS).iterdir())) == 1


def test_a_name_that_no_search_has_is_told_with_the_nearest(ptune, running, monkeypatch):
    monkeypatch.setattr("ptune.raytune.jobs.stop", lambda *_: (_ for _ in ()).throw(ClusterError("no answer")))
    for command in (["stop", "tinny"], ["trial", "stop", "tinny", "0"], ["extend", "tinny", "--trials", "+1"]):
        result = ptune(*command)
        assert result.code == 2
        assert "no search named 'tinny'" in result.err
        assert "did you mean 'tiny'?" in result.err


def test_a_cluster_is_asked_through_its_dashboard(ptune, monkeypatch):
    asked = []

    def answer(words, runs, address):
        asked.append((words, runs, address))
        return {"said": ["tiny is complete, so this waits until it goes on: `ptune resume tiny`"]}

    monkeypatch.setattr("ptune.raytune.submission.ask", answer)
    monkeypatch.setenv("PTUNE_RUNS", "s3://team/runs")
    told = ptune("trial", "clone", "tiny", "7", "--set", "lr=0.1", "--warm", "--address", "http://head:8265")
    words = ["trial", "clone", "tiny", "7", "--set", "lr=0.1", "--warm", "--json"]
    assert asked == [(words, "s3://team/runs", "http://head:8265")]
    assert "`ptune resume --address http://head:8265 tiny`" in told.out
