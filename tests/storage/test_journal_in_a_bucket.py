"""A journal in a bucket: what one machine writes, another one reads and goes on with; of two writers one ends."""

import json
import shutil
import threading
from contextlib import closing
from types import SimpleNamespace

import pytest

from ptune.errors import JournalError
from ptune.record.events import Ended, Resumed, Suggested
from ptune.record.journal import JOURNAL, Journal, read
from ptune.record.requests import Stop
from ptune.run.folders import is_running
from ptune.storage import drivers, journal_mirror, requests
from ptune.storage.bucket import Bucket
from ptune.storage.drivers import Driver, bring_driver, claim, declare, wait_until_free
from ptune.storage.journal_mirror import JournalMirror
from ptune.storage.results import send_results
from ptune.storage.segments import Known, bring_journal, segment_name
from ptune.storage.states import BucketStates, start_file
from support.waiting import wait_for


@pytest.fixture
def search(tmp_path):
    """A search's bucket, and the folders of two machines."""
    machines = [tmp_path / name / "search" for name in ("one", "other")]
    for folder in machines:
        folder.mkdir(parents=True)
    return SimpleNamespace(bucket=Bucket(f"file://{tmp_path}/bucket/search"), one=machines[0], other=machines[1])


def write(folder, bucket, *events):
    """Append events as a driver does, and end."""
    with closing(Journal(folder / JOURNAL)) as journal:
        mirror = JournalMirror(journal, bucket, Driver.here())
        for event in events:
            journal.append(event)
            mirror.settle(60)
        mirror.close(60)


def suggested(trial):
    return Suggested(trial, {"lr": 0.1})


def test_another_machine_reads_what_one_has_written_and_goes_on(search):
    write(search.one, search.bucket, Resumed({}), suggested(0))
    assert bring_journal(search.bucket, search.other)
    assert read(search.other / JOURNAL) == read(search.one / JOURNAL)
    write(search.other, search.bucket, suggested(1))
    assert bring_journal(search.bucket, search.one)
    assert (search.one / JOURNAL).read_bytes() == (search.other / JOURNAL).read_bytes()
    pieces = [search.bucket.get(segment_name(number)) for number in (1, 2, 3)]
    assert b"".join(pieces) == (search.one / JOURNAL).read_bytes()


def test_a_crash_between_a_segment_and_the_note_of_it_changes_nothing(search):
    write(search.one, search.bucket, Resumed({}))
    Known(0, 0).note(search.one)
    bring_journal(search.bucket, search.one)
    assert Known.of(search.one).count == 1
    write(search.one, search.bucket, suggested(0))
    bring_journal(search.bucket, search.other)
    assert len(read(search.other / JOURNAL)) == 2


def test_of_two_writers_the_second_to_come_with_a_segment_ends(search):
    write(search.one, search.bucket, Resumed({}), suggested(0))
    bring_journal(search.bucket, search.other)
    with closing(Journal(search.one / JOURNAL)) as journal:
        mirror = JournalMirror(journal, search.bucket, Driver.here())
        write(search.other, search.bucket, Resumed({}))
        journal.append(suggested(1))
        with pytest.raises(JournalError, match="another process goes on with search"):
            mirror.settle(60)
        with pytest.raises(JournalError, match="this one has ended its part"):
            journal.append(suggested(2))
        mirror.close(60)
    assert len(search.bucket.sizes("journal")) == 3


def test_what_only_one_machine_had_gives_way_to_what_went_on_elsewhere(search):
    write(search.one, search.bucket, Resumed({}))
    bring_journal(search.bucket, search.other)
    with closing(Journal(search.one / JOURNAL)) as journal:
        journal.append(suggested(0))
    (search.one / "trials").mkdir()
    write(search.other, search.bucket, Resumed({"ptune": "2"}))
    bring_journal(search.bucket, search.one)
    assert (search.one / JOURNAL).read_bytes() == (search.other / JOURNAL).read_bytes()
    (aside,) = search.one.glob(f"{JOURNAL}.unsent-*")
    assert json.loads(aside.read_text())["event"] == "suggested"
    assert not (search.one / "trials").exists()


def test_a_bucket_that_has_lost_a_search_gets_it_again(search, tmp_path):
    write(search.one, search.bucket, Resumed({}), suggested(0))
    shutil.rmtree(tmp_path / "bucket")
    assert not bring_journal(search.bucket, search.one)
    write(search.one, search.bucket, Ended("complete", None, None))
    bring_journal(search.bucket, search.other)
    assert len(read(search.other / JOURNAL)) == 3


def test_a_search_that_a_distant_process_runs_is_refused_and_shown_as_running(search, monkeypatch):
    monkeypatch.setattr(drivers, "SILENT_S", 60.0)
    monkeypatch.setattr(drivers, "_LOOK_S", 0.01)
    distant = Driver("id", "node-a", 7, "elsewhere", 0.0)
    claim(search.bucket, distant)
    (search.other / JOURNAL).touch()
    bring_driver(search.bucket, search.other)
    assert is_running(search.other)
    over = threading.Event()

    def speak():
        while not over.wait(0.05):
            declare(search.bucket, distant)

    speaker = threading.Thread(target=speak)
    speaker.start()
    try:
        with pytest.raises(JournalError, match="search is being run by another process: 7 on node-a"):
            wait_until_free(search.bucket, "search")
    finally:
        over.set()
        speaker.join()


@pytest.mark.parametrize(
    "driver",
    [
        Driver("id", "node-a", 7, "elsewhere", 0.0),
        Driver("id", "here", 2**22 + 1, Driver.here().place, 0.0),
        Driver.here(),
    ],
    ids=["silent", "dead on this machine", "this process"],
)
def test_a_process_that_runs_no_longer_is_no_hindrance(search, monkeypatch, driver):
    monkeypatch.setattr(drivers, "SILENT_S", 0.05)
    monkeypatch.setattr(drivers, "_LOOK_S", 0.01)
    claim(search.bucket, driver)
    wait_until_free(search.bucket, "search")
    declare(search.bucket, driver, ended=True)
    wait_until_free(search.bucket, "search")


def test_requests_and_starts_travel_through_the_bucket(search, monkeypatch):
    monkeypatch.setattr(journal_mirror, "_BRING_EVERY_S", 0.0)
    monkeypatch.setattr(requests, "bucket_of", lambda _folder: search.bucket)
    asked = requests.leave(search.other, Stop(0))
    seen = requests.RequestFolder(search.one)
    assert seen.new() == []
    with closing(Journal(search.one / JOURNAL)) as journal:
        mirror = JournalMirror(journal, search.bucket, Driver.here())
        wait_for((search.one / "requests" / f"{asked.id}.json").exists)
        mirror.close(60)
    assert seen.new() == [asked]
    assert seen.new() == []
    (search.one / "requests" / "broken.json").write_text("{")
    assert seen.new() == []

    states = BucketStates(search.bucket)
    start, state = search.one / "start", search.one / "state"
    start.write_bytes(b"learned")
    state.write_bytes(b"state")
    states.send_start(3, start)
    states.send(3, 1, state)
    for trial in (3, 4):
        states.bring(trial, 0, search.other / f"trials/{trial:04d}/state.safetensors")
    brought = sorted(
        path.relative_to(search.other).as_posix() for path in (search.other / "trials").rglob("*.safetensors")
    )
    assert brought == ["trials/0003/start.safetensors", "trials/0003/state.safetensors"]
    assert (search.other / start_file(3)).read_bytes() == b"learned"
    state.write_bytes(b"later")
    states.send(3, 2, state)
    assert [brought_up_to(states, search.other / "state", most) for most in (1, 2, None)] == [b"state", *[b"later"] * 2]
    send_results(search.bucket, search.one)
    assert "requests" not in str(json.loads(search.bucket.get("files.json") or b"{}").keys())
    states.keep_only([])
    assert search.bucket.sizes("trials") == {}


def brought_up_to(states, path, most):
    """The state of trial 3 that comes where none is, and where so many reports are enough."""
    states.bring(3, 0, path, most)
    return path.read_bytes()
