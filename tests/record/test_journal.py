"""The journal keeps every whole event, whatever byte it is cut at and whoever reads it meanwhile."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ptune.errors import JournalError
from ptune.record import events
from ptune.record.events import (
    Ended,
    Event,
    Finished,
    Metered,
    Paused,
    Reported,
    Resumed,
    Started,
    Suggested,
    Tracked,
)
from ptune.record.journal import Journal, Reader, read


@pytest.fixture
def path(tmp_path):
    return tmp_path / "films" / "journal.jsonl"


def fill(path, count: int) -> list[Event]:
    journal = Journal(path)
    events = [journal.append(Suggested(n, {"template": "[P] {text} — naïve", "lr": 0.1})) for n in range(count)]
    journal.close()
    return events


@pytest.fixture
def journal(path):
    """A journal in which a trial has been suggested."""
    journal = Journal(path)
    journal.append(Suggested(0, {}))
    return journal


def test_what_is_appended_is_read_back_in_order(path):
    events = fill(path, 5)
    assert read(path) == events
    assert [event.trial for event in events] == [0, 1, 2, 3, 4]


def test_an_event_says_what_and_when(path):
    before = time.time()
    event = Journal(path).append(Started(3, 0))
    assert replace(event, time=0.0) == Started(3, 0)
    assert before - 0.001 <= event.time <= time.time() + 0.001
    assert json.loads(path.read_bytes()) == {"event": "started", "time": event.time, "trial": 3, "epoch": 0}


def test_numbers_that_are_none_survive(path, journal):
    journal.append(Reported(0, 1, {"loss": math.nan, "lr": math.inf}, "s"))
    metrics = read(path)[-1].metrics
    assert math.isnan(metrics["loss"])
    assert metrics["lr"] == math.inf


def test_what_an_engine_takes_of_its_machine_survives(path, journal):
    written = journal.append(Metered(3, {"cpu_utilization_percentage": 187.5}))
    assert read(path)[-1] == written
    line = json.loads(path.read_bytes().splitlines()[-1])
    assert (line["event"], line["engine"], line["usage"]) == ("metered", 3, {"cpu_utilization_percentage": 187.5})


def test_a_file_cut_at_any_byte_is_read_and_continued(path):
    events = fill(path, 2)
    content = path.read_bytes()
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        whole = content[:length].count(b"\n")
        assert read(path) == events[:whole]
        journal = Journal(path)
        added = journal.append(Resumed({}))
        journal.close()
        assert read(path) == [*events[:whole], added]


def test_a_reader_goes_on_where_it_stopped(path):
    journal = Journal(path)
    reader = Reader(path)
    assert list(reader) == []
    first = journal.append(Suggested(0, {}))
    assert list(reader) == [first]
    others = [journal.append(Started(0, epoch)) for epoch in (1, 2)]
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
    writer = threading.Thread(target=lambda: [journal.append(Suggested(n, {})) for n in range(2000)])
    reader, seen = Reader(path), []
    writer.start()
    while writer.is_alive():
        seen += reader
    seen += reader
    assert [event.trial for event in seen] == list(range(2000))


def test_threads_append_whole_lines(path):
    journal = Journal(path)
    threads = [
        threading.Thread(target=lambda n=n: [journal.append(Started(n, epoch)) for epoch in range(200)])
        for n in range(8)
    ]
    for n in range(8):
        journal.append(Suggested(n, {}))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = read(path)[8:]
    assert len(events) == 1600
    for n in range(8):
        assert [event.epoch for event in events if event.trial == n] == list(range(200))


def test_two_writers_are_one_too_many(path):
    first = Journal(path)
    with pytest.raises(JournalError, match="films is being run by another process, which holds"):
        Journal(path)
    first.append(Suggested(0, {}))
    first.close()
    Journal(path).close()
    assert len(read(path)) == 1


def test_a_writer_does_not_cut_what_another_is_writing(path):
    journal = Journal(path)
    event = journal.append(Suggested(0, {}))
    torn = path.read_bytes() + b'{"event": "rep'
    path.write_bytes(torn)
    with pytest.raises(JournalError):
        Journal(path)
    assert path.read_bytes() == torn
    assert read(path) == [event]


@pytest.mark.parametrize("event", ["Suggested(n, {})", "Reported(0, n, {}, 's')"])
def test_a_killed_writer_loses_nothing_it_appended_and_frees_the_journal(path, event):
    code = (
        "import sys, pathlib; from ptune.record.journal import Journal\n"
        "from ptune.record.events import Reported, Suggested\n"
        "journal = Journal(pathlib.Path(sys.argv[1])); journal.append(Suggested(0, {}))\n"
        f"for n in range(1, 10**9): journal.append({event}); print(n, flush=True)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    told = [int(writer.stdout.readline()) for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    told += [int(line) for line in writer.stdout.read().splitlines()]
    writer.wait()
    Journal(path).close()
    kept = [event.epoch if isinstance(event, Reported) else event.trial for event in read(path)[1:]]
    assert kept[: len(told)] == told
    assert len(kept) - len(told) in (0, 1)


def test_no_journal_is_said_to_be_none(path):
    with pytest.raises(JournalError, match="there is no journal here"):
        read(path)


@pytest.mark.parametrize("line", [b"{not json}", b"[]", b'{"trial": 1}', b"\xff\xfe", b"", b"[" * 100_000])
def test_a_damaged_line_is_shown_with_its_number(path, line):
    fill(path, 1)
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(JournalError, match=rf"{path}, line 2: (damaged line|not an event)"):
        read(path)


@pytest.mark.parametrize(
    ("values", "law"),
    [
        ('"time": NaN, "epoch": 0', "time: Input should be less than"),
        ('"time": -1.0, "epoch": 0', "time: Input should be greater than or equal to 0"),
        ('"epoch": 0', "time is missing"),
        ('"time": 1.0, "epoch": -1', "epoch: Input should be greater than or equal to 0"),
        (f'"time": 1.0, "epoch": {"9" * 40}', "epoch: Input should be less than"),
        ('"time": 1.0, "epoch": true', "epoch: Input should be a valid integer"),
        ('"time": 1.0', "epoch is missing"),
    ],
)
def test_a_value_that_nothing_can_have_is_refused(path, values, law):
    fill(path, 1)
    path.write_bytes(path.read_bytes() + f'{{"event": "started", "trial": 0, {values}}}\n'.encode())
    with pytest.raises(JournalError, match=rf"{path}, line 2: event 'started': {law}"):
        read(path)


@pytest.mark.parametrize(
    "event",
    [
        Started(7, 0),
        Reported(7, 1, {}, "s"),
        Paused(7, 1),
        Finished(7, "failed"),
        events.Tested(7, {}),
        Tracked(7, "a"),
    ],
)
def test_what_happens_to_a_trial_that_was_never_suggested_is_refused(path, journal, event):
    journal.append(Tracked(None, "parent"))
    journal.append(event)
    with pytest.raises(JournalError, match=rf"{path}, line 3: trial 7 was never suggested"):
        read(path)


def test_a_line_is_json_that_people_can_read(path):
    fill(path, 1)
    text = path.read_text(encoding="utf-8")
    assert "naïve" in text
    assert list(json.loads(text))[:2] == ["event", "time"]


def test_reports_do_not_wait_for_the_disk_one_by_one(path, monkeypatch):
    synced = []
    journal = Journal(path)
    monkeypatch.setattr("ptune.record.journal._SYNC_EVERY_S", 3600.0)
    monkeypatch.setattr("os.fsync", synced.append)
    journal.append(Suggested(0, {}))
    for epoch in range(1, 101):
        journal.append(Reported(0, epoch, {}, "s"))
    assert len(synced) == 1
    journal.append(Suggested(1, {}))
    assert len(synced) == 2, "a trial's files depend on its configuration"
    journal.close()
    assert len(synced) == 3


def test_a_slow_search_is_on_disk_line_by_line(path, monkeypatch):
    synced = []
    journal = Journal(path)
    monkeypatch.setattr("ptune.record.journal._SYNC_EVERY_S", 0.0)
    monkeypatch.setattr("os.fsync", synced.append)
    for epoch in range(1, 4):
        journal.append(Reported(0, epoch, {}, "s"))
    assert len(synced) == 3


def test_a_power_cut_takes_at_most_a_second_of_reports_and_no_suggestion(path, monkeypatch):
    clock = SimpleNamespace(time=lambda: clock.now, monotonic=lambda: clock.now, now=0.0)
    durable = [0]
    monkeypatch.setattr("ptune.record.journal.time", clock)
    monkeypatch.setattr("os.fsync", lambda _: durable.append(path.stat().st_size if path.exists() else 0))
    journal, events = Journal(path), []
    for step in range(200):
        clock.now += 0.13
        event = {0: Suggested(step, {}), 119: Ended("interrupted"), 120: Resumed({})}.get(step % 125)
        events.append(journal.append(event or Reported(0, step, {}, "s")))
        lost = events[path.read_bytes()[: durable[-1]].count(b"\n") :]
        assert {type(event) for event in lost} <= {Reported}
        assert all(clock.now - event.time < 1.0 for event in lost)
    assert len(durable) < len(events) / 2
