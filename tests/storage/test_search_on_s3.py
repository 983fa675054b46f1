"""Whole searches whose runs folder is a URL of S3, on a real server of its protocol."""

import json
import shutil
import threading
from contextlib import contextmanager

import pytest

from ptune.errors import BackboneError, BucketError, JournalError, StorageError
from ptune.files import content_hash
from ptune.record.events import Reported, Resumed
from ptune.record.history import History
from ptune.record.journal import JOURNAL, read
from ptune.run import recording
from ptune.run.confirm import listing
from ptune.run.folders import bring_journals, runs_folder, search_folder
from ptune.run.local import LocalRunner
from ptune.run.search import resume_search, start_search
from ptune.run.sync import sync_search
from ptune.spec.budget import Budget
from ptune.spec.stopping import FullBudget
from ptune.spec.write import job_toml
from ptune.storage.bucket import Bucket
from ptune.storage.local_copy import bucket_of
from ptune.storage.waiting import Patience
from support.command import Command
from support.interrupting import Interrupting
from support.line import Line
from support.s3_server import BUCKET, CREDENTIALS, s3_server
from support.same_end import same_end
from support.small_jobs import changed, small_job
from support.waiting import wait_for

PROMPT = "artifact/prompt.safetensors"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture(scope="module")
def job(tiny_backbone, tmp_path_factory):
    """One trial at a time, so that every number is the same however often the search is taken up."""
    job = small_job(tmp_path_factory.mktemp("data"), tiny_backbone("bert"), trials=4, epochs=3)
    return changed(job, tracking={"type": "none"}, resources={"slots": 1})


@pytest.fixture(scope="module")
def unbroken(job, tmp_path_factory):
    """The folder of the same search, kept in a folder and never disturbed."""
    return start_search(job, "", tmp_path_factory.mktemp("runs"), LocalRunner()).folder


@pytest.fixture(scope="module")
def one_line(server):
    line = Line(server)
    yield line
    line.close()


@pytest.fixture
def line(one_line):
    """The line of all tests, since a process keeps its connections; whole at first."""
    one_line.mend()
    one_line.refused = 0
    return one_line


@pytest.fixture
def machine(line, monkeypatch, tmp_path):
    """Become a machine of one's own, with an empty cache; return its runs folder."""

    def become(name, url=f"s3://{BUCKET}/{tmp_path.name}"):
        for key, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": line.address}.items():
            monkeypatch.setenv(key, value)
        monkeypatch.setenv("PTUNE_CACHE", str(tmp_path / name))
        monkeypatch.setenv("PTUNE_RUNS", url)
        return runs_folder()

    return become


class Disturbed:
    """A runner in whose search something happens at its third report, or (`at_end`) once it has trained."""

    def __init__(self, disturb, at_end=False):
        self._disturb = disturb
        self._at_end = at_end

    def check(self, _resources):
        pass

    @contextmanager
    def open(self, prepared, folder, _say):
        with LocalRunner().open(prepared, folder) as session:
            train = session.train

            def disturbed(conductor):
                report, seen = conductor.report, []

                def reported(*arguments):
                    seen.append(arguments)
                    if len(seen) == 3 and not self._at_end:
                        self._disturb()
                    return report(*arguments)

                conductor.report = reported
                train(conductor)
                if self._at_end:
                    self._disturb()

            session.train = disturbed
            yield session


def epochs(folder):
    return [(event.trial, event.epoch) for event in read(folder / JOURNAL) if isinstance(event, Reported)]


def test_a_killed_search_goes_on_elsewhere_from_the_url_alone(machine, job, unbroken, tmp_path):
    runs = machine("one")
    (tmp_path / "small.toml").write_text(job_toml(job))
    command = Command(tmp_path, "search", "small.toml", "--local", "--json", fork=True)
    journal = runs / "small" / JOURNAL
    command.wait_for(lambda: journal.exists() and len(epochs(journal.parent)) >= 3)
    command.kill()
    reported = epochs(journal.parent)

    runs = machine("other")
    outcome = resume_search("small", runs, LocalRunner())
    assert outcome.status == "complete"
    assert outcome.folder.is_relative_to(tmp_path / "other")
    done = epochs(outcome.folder)
    assert len(set(done)) == len(done), "an epoch was reported twice"
    assert set(reported) <= set(done)
    assert sum(isinstance(event, Resumed) for event in read(outcome.folder / JOURNAL)) == 1
    assert content_hash(outcome.folder / PROMPT) == content_hash(unbroken / PROMPT)
    assert sorted(epochs(unbroken)) == sorted(done)

    third = search_folder(machine("third"), "small")
    assert json.loads((third / "result.json").read_text())["status"] == "complete"
    assert content_hash(third / PROMPT) == content_hash(unbroken / PROMPT)
    secrets = [path for path in tmp_path.rglob("*") if path.is_file() and b"a-secret-of-no-use" in path.read_bytes()]
    assert not secrets


def test_the_prompt_that_trials_start_from_is_there_for_other_machines_while_they_train(machine, job, unbroken):
    history, runs, there = History.of(read(unbroken / JOURNAL)), machine("one"), []
    changes = {"start": str(unbroken / "artifact"), "space": listing([history.best.config]), "name": "later"}
    budget = Budget(trials=1, epochs=3, stopping=FullBudget())

    def look():
        there.extend(bucket_of(runs / "later").sizes(""))
        raise KeyboardInterrupt

    broken = start_search(job.model_copy(update={**changes, "budget": budget}), "", runs, Disturbed(look))
    assert (broken.status, "start/prompt.safetensors" in there) == ("interrupted", True)
    runs = machine("other")
    outcome = resume_search("later", runs, LocalRunner())
    assert content_hash(outcome.folder / "start/prompt.safetensors") == content_hash(unbroken / PROMPT)
    assert outcome.status == "complete"


def test_an_outage_costs_nothing(machine, job, line, unbroken):
    def cut_for_a_while():
        line.cut()
        threading.Thread(target=lambda: (wait_for(lambda: line.refused >= 3), line.mend())).start()

    outcome = start_search(job, "", machine("one"), Disturbed(cut_for_a_while))
    assert line.refused >= 3
    assert content_hash(outcome.folder / PROMPT) == content_hash(unbroken / PROMPT)
    there = search_folder(machine("other"), "small")
    assert (there / JOURNAL).read_bytes() == (outcome.folder / JOURNAL).read_bytes()


def test_a_search_that_ends_during_an_outage_says_so_and_is_sent_later(machine, job, line, monkeypatch, caplog):
    monkeypatch.setattr(recording, "_SETTLED_WITHIN_S", 0.5)
    runs = machine("one")
    outcome = start_search(job, "", runs, Disturbed(line.cut, at_end=True))
    assert outcome.status == "complete"
    assert "`ptune sync small` sends it" in caplog.messages[-1]
    line.mend()
    monkeypatch.setattr(recording, "_SETTLED_WITHIN_S", 60.0)
    other = machine("other")
    bring_journals(other)
    assert History.of(read(other / "small" / JOURNAL)).ended is None
    machine("one")
    assert sync_search("small", runs) is None
    there = search_folder(machine("other"), "small")
    assert History.of(read(there / JOURNAL)).ended.status == "complete"
    assert content_hash(there / PROMPT) == content_hash(outcome.folder / PROMPT)


def test_of_two_drivers_the_younger_goes_on_and_the_older_ends(machine, job, unbroken):
    first, younger = machine("one"), []

    def take_over():
        younger.append(resume_search("small", machine("other"), LocalRunner()))
        machine("one")

    with pytest.raises(JournalError, match="another process goes on with small"):
        start_search(job, "", first, Disturbed(take_over))
    assert younger[0].status == "complete"
    assert content_hash(younger[0].folder / PROMPT) == content_hash(unbroken / PROMPT)
    there = search_folder(machine("third"), "small")
    assert (there / JOURNAL).read_bytes() == (younger[0].folder / JOURNAL).read_bytes()


def test_two_new_searches_of_one_name_have_a_folder_each(machine, job):
    names = [start_search(job, "", machine(name), LocalRunner()).name for name in ("one", "other")]
    assert names == ["small", "small-2"]


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_a_search_is_kept_wherever_fsspec_can_write(machine, job, unbroken, tmp_path, scheme):
    url = f"{scheme}://{tmp_path}/bucket"
    assert start_search(job, "", machine("one", url), Interrupting(5)).status == "interrupted"
    outcome = resume_search("small", machine("other", url), LocalRunner())
    assert same_end(outcome.folder, unbroken) == []


def test_a_missing_bucket_is_refused_and_nothing_is_left_behind(machine, job):
    runs = machine("one", "s3://nowhere/runs")
    with pytest.raises(BucketError, match="s3://nowhere/runs: The specified bucket does not exist"):
        start_search(job, "", runs, LocalRunner())
    assert not list(runs.glob("*/"))


def test_a_check_leaves_nothing_in_the_bucket(machine, server):
    machine("one")
    bucket = Bucket(f"s3://{BUCKET}/checked", Patience(60.0))
    assert bucket.check()
    assert bucket.sizes("") == {}


def test_a_search_that_cannot_begin_leaves_nothing_in_the_bucket(machine, job):
    runs = machine("one")
    broken = job.model_copy(update={"name": "broken"})

    class Unplaceable(Disturbed):
        @contextmanager
        def open(self, *_):
            raise BackboneError("no engine loads")
            yield

    with pytest.raises(BackboneError, match="no engine loads"):
        start_search(broken, "", runs, Unplaceable(None))
    assert bucket_of(runs / "broken").sizes("") == {}
    assert not (runs / "broken").exists()


def test_a_copy_that_disappears_takes_nothing_from_the_bucket(machine, job):
    runs = machine("one")
    with pytest.raises(StorageError, match="is gone"):
        start_search(job, "", runs, Disturbed(lambda: shutil.rmtree(runs / "small")))
    outcome = resume_search("small", machine("other"), LocalRunner())
    assert outcome.status == "complete"
