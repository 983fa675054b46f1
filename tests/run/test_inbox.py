"""What a trial was to start from of which the journal never heard goes, here and in the bucket."""

import pytest

from ptune.errors import BucketError
from ptune.record.requests import Clone
from ptune.run import warm
from ptune.run.inbox import Inbox
from ptune.storage.local_copy import bucket_of, local_copy
from ptune.storage.requests import leave
from ptune.storage.states import BucketStates, start_file
from support.simulated import make_job, start


@pytest.fixture
def conductor(tmp_path, monkeypatch):
    """Of a search in a bucket, with one trial that has a report."""
    monkeypatch.setenv("PTUNE_CACHE", str(tmp_path / "cache"))
    folder = local_copy(f"file://{tmp_path}/bucket") / "simulated"
    folder.mkdir()
    conductor = start(make_job(stopping={"type": "none"}), folder / "journal.jsonl")
    conductor.next_turn()
    conductor.report(0, 1, {"accuracy": 0.5, "loss": 0.5, "train_loss": 0.5}, "state")
    return conductor


def keep(folder, trial=1):
    path = folder / start_file(trial)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"learned")
    BucketStates(bucket_of(folder)).send_start(trial, path)


def test_an_orphaned_start_goes_when_the_search_is_taken_up(conductor):
    folder = conductor._journal.path.parent
    keep(folder)
    Inbox(folder, conductor).take_up()
    assert not (folder / start_file(1)).exists()
    assert bucket_of(folder).sizes("trials") == {}


def test_a_clone_that_is_refused_leaves_no_start_to_the_next_trial(conductor, monkeypatch):
    def keep_and_fail(folder, _parent, trial, _request):
        keep(folder, trial)
        raise BucketError("the line is cut")

    monkeypatch.setattr(warm, "keep_start", keep_and_fail)
    folder = conductor._journal.path.parent
    leave(folder, Clone(0, {}, warm=True))
    Inbox(folder, conductor).look()
    assert [answer.reason for answer in conductor.history.answers.values()] == ["the line is cut"]
    assert not (folder / start_file(1)).exists()
    assert bucket_of(folder).sizes("trials") == {}
