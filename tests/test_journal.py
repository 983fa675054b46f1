"""The journal keeps every whole event, whatever byte it is cut at and whoever reads it meanwhile."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from ptune.errors import JournalError
from ptune.journal import Journal, Reader, read


@pytest.fixture
def path(tmp_path):
    return tmp_path / "films" / "journal.jsonl"


def fill(path, count: int) -> list[dict]:
    journal = Journal(path)
    events = [
        journal.append("suggested", trial=n, config={"template": "[P] {text} — naïve", "lr": 0.1}) for n in range(count)
    ]
    journal.close()
    return events


def test_what_is_appended_is_read_back_in_order(path):
    events = fill(path, 5)
    assert read(path) == events
    assert [event["trial"] for event in events] == [0, 1, 2, 3, 4]


def test_an_event_says_what_and_when(path):
    before = time.time()
    event = Journal(path).append("started", trial=3, epoch=0)
    assert event | {"time": 0} == {"event": "started", "time": 0, "trial": 3, "epoch": 0}
    assert before - 0.001 <= event["time"] <= time.time() + 0.001


def test_numbers_that_are_none_survive(path):
    journal = Journal(path)
    journal.append("reported", trial=0, epoch=1, metrics={"loss": math.nan, "lr": math.inf}, state="s")
    metrics = read(path)[0]["metrics"]
    assert math.isnan(metrics["loss"])
    assert metrics["lr"] == math.inf


def test_a_file_cut_at_any_byte_is_read_and_continued(path):
    events = fill(path, 2)
    content = path.read_bytes()
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        whole = content[:length].count(b"\n")
        assert read(path) == events[:whole]
        journal = Journal(path)
        added = journal.append("resumed", versions={})
        journal.close()
        assert read(path) == [*events[:whole], added]


def test_a_reader_goes_on_where_it_stopped(path):
    journal = Journal(path)
    reader = Reader(path)
    assert list(reader) == []
    first = journal.append("started", trial=0, epoch=0)
    assert list(reader) == [first]
    others = [journal.append("started", trial=n, epoch=0) for n in (1, 2)]
    assert list(reader) == others
    assert list(reader) == []


def test_a_reader_that_stops_half_way_misses_nothing(path):
    events = fill(path, 4)
    reader = Reader(path)
    assert next(iter(reader)) == events[0]
    assert list(reader) == events[1:]


def test_a_reader_waits_for_a_line_to_be_whole(path):
    events = fill(path, 2)
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    reader = Reader(path)
    assert list(reader) == events[:1]
    path.write_bytes(content)
    assert list(reader) == events[1:]


def test_a_reader_beside_a_writer_sees_every_event_once(path):
    journal = Journal(path)
    writer = threading.Thread(target=lambda: [journal.append("started", trial=n, epoch=0) for n in range(2000)])
    reader, seen = Reader(path), []
    writer.start()
    while writer.is_alive():
        seen += reader
    seen += reader
    assert [event["trial"] for event in seen] == list(range(2000))


def test_threads_append_whole_lines(path):
    journal = Journal(path)
    threads = [
        threading.Thread(target=lambda n=n: [journal.append("started", trial=n, epoch=e) for e in range(200)])
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = read(path)
    assert len(events) == 1600
    for n in range(8):
        assert [event["epoch"] for event in events if event["trial"] == n] == list(range(200))


def test_two_writers_are_one_too_many(path):
    first = Journal(path)
    with pytest.raises(JournalError, match="films is being run by another process, which holds"):
        Journal(path)
    first.append("started", trial=0, epoch=0)
    first.close()
    Journal(path).close()
    assert len(read(path)) == 1


def test_a_writer_does_not_cut_what_another_is_writing(path):
    journal = Journal(path)
    event = journal.append("started", trial=0, epoch=0)
    torn = path.read_bytes() + b'{"event": "rep'
    path.write_bytes(torn)
    with pytest.raises(JournalError):
        Journal(path)
    assert path.read_bytes() == torn
    assert read(path) == [event]


@pytest.mark.parametrize("kind", ["suggested", "reported"])
def test_a_killed_writer_loses_nothing_it_appended_and_frees_the_journal(path, kind):
    code = (
        "import sys, pathlib; from ptune.journal import Journal\n"
        "journal = Journal(pathlib.Path(sys.argv[1]))\n"
        "for n in range(10**9): journal.append(sys.argv[2], trial=n); print(n, flush=True)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path), kind], stdout=subprocess.PIPE, text=True)
    told = [int(writer.stdout.readline()) for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    told += [int(line) for line in writer.stdout.read().splitlines()]
    writer.wait()
    Journal(path).close()
    kept = [event["trial"] for event in read(path)]
    assert kept[: len(told)] == told
    assert len(kept) - len(told) in (0, 1)


def test_no_journal_is_said_to_be_none(path):
    with pytest.raises(JournalError, match="there is no journal here"):
        read(path)


@pytest.mark.parametrize("line", [b"{not json}", b"[]", b'{"trial": 1}', b"\xff\xfe", b""])
def test_a_damaged_line_is_shown(path, line):
    fill(path, 1)
    path.write_bytes(line + b"\n" + path.read_bytes())
    with pytest.raises(JournalError, match=r"damaged line|not an event"):
        read(path)


def test_a_line_is_json_that_people_can_read(path):
    fill(path, 1)
    text = path.read_text(encoding="utf-8")
    assert "naïve" in text
    assert list(json.loads(text))[:2] == ["event", "time"]


def test_reports_do_not_wait_for_the_disk_one_by_one(path, monkeypatch):
    synced = []
    journal = Journal(path)
    monkeypatch.setattr("ptune.journal._SYNC_EVERY_S", 3600.0)
    monkeypatch.setattr("os.fsync", synced.append)
    journal.append("suggested", trial=0, config={})
    for epoch in range(100):
        journal.append("reported", trial=0, epoch=epoch, metrics={}, state="s")
    assert len(synced) == 1
    journal.append("suggested", trial=1, config={})
    assert len(synced) == 2, "a trial's files depend on its configuration"
    journal.close()
    assert len(synced) == 3


def test_a_slow_search_is_on_disk_line_by_line(path, monkeypatch):
    synced = []
    journal = Journal(path)
    monkeypatch.setattr("ptune.journal._SYNC_EVERY_S", 0.0)
    monkeypatch.setattr("os.fsync", synced.append)
    for epoch in range(3):
        journal.append("reported", trial=0, epoch=epoch, metrics={}, state="s")
    assert len(synced) == 3


def test_a_power_cut_takes_at_most_a_second_of_reports_and_no_suggestion(path, monkeypatch):
    clock = SimpleNamespace(time=lambda: clock.now, monotonic=lambda: clock.now, now=0.0)
    durable = [0]
    monkeypatch.setattr("ptune.journal.time", clock)
    monkeypatch.setattr("os.fsync", lambda _: durable.append(path.stat().st_size if path.exists() else 0))
    journal, events = Journal(path), []
    for step in range(200):
        clock.now += 0.13
        kind = {0: "suggested", 119: "ended", 120: "resumed"}.get(step % 125, "reported")
        events.append(journal.append(kind, trial=step))
        lost = events[path.read_bytes()[: durable[-1]].count(b"\n") :]
        assert {event["event"] for event in lost} <= {"reported"}
        assert all(clock.now - event["time"] < 1.0 for event in lost)
    assert len(durable) < len(events) / 2
