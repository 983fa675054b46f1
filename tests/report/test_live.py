"""Watching a journal from a thread, on terminals and in logs."""

import io
import time

import pytest

from ptune.record.events import Ended, Reported
from ptune.record.history import History
from ptune.record.journal import Journal, read
from ptune.report.live import LiveLines, LiveTable, live_view
from support.played import make_job, play
from support.waiting import wait_for


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def folder(tmp_path, monkeypatch):
    play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=6), until=9)
    monkeypatch.undo()
    return tmp_path


def test_terminals_get_the_table_and_logs_get_lines(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(live_view(Terminal()), LiveTable)
    assert isinstance(live_view(io.StringIO()), LiveLines)


def test_lines_come_for_a_new_best_and_at_the_end(folder):
    stream = io.StringIO()
    view = LiveLines(stream, poll=0.01)
    view.start(folder)
    wait_for(lambda: stream.getvalue().count("\n") == 1)
    time.sleep(0.05)  # several looks without news
    assert stream.getvalue().count("\n") == 1
    journal = Journal(folder / "journal.jsonl")
    better = {"accuracy": 0.999, "loss": 0.1, "seconds": 1.0}
    journal.append(Reported(0, 1 + History.of(read(journal.path)).trials[0].epoch, better, "x"))
    wait_for(lambda: stream.getvalue().count("\n") == 2)
    journal.append(Ended("interrupted"))
    journal.close()
    view.stop()
    best = History.of(read(folder / "journal.jsonl")).best_value
    assert f"best {best:.4f}" in stream.getvalue().splitlines()[1]
    assert stream.getvalue().splitlines()[2].endswith(", interrupted")


def test_the_table_is_drawn_and_taken_away(folder, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    view = live_view(terminal)
    view.start(folder)
    wait_for(lambda: "played" in terminal.getvalue())
    view.stop()
    view.stop()
    assert "\x1b[2K" in terminal.getvalue().rpartition("configuration")[2]  # lines erased at the end


def test_stopping_before_starting_is_allowed():
    LiveLines(io.StringIO()).stop()


def broken(folder):
    """A journal whose next line is no event."""
    with (folder / "journal.jsonl").open("a") as stream:
        stream.write("no event\n")


def test_a_journal_that_breaks_ends_the_view_with_a_word(folder, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "400")  # wide enough for the journal's path, however long
    terminal, log = Terminal(), io.StringIO()
    views = [live_view(terminal), LiveLines(log, poll=0.01)]
    for view in views:
        view.start(folder)
    wait_for(lambda: "played" in terminal.getvalue() and "begun" in log.getvalue())
    lines = len((folder / "journal.jsonl").read_bytes().splitlines())
    broken(folder)
    for view, stream in zip(views, (terminal, log), strict=True):
        wait_for(lambda stream=stream: "the search goes on, but cannot be shown any further" in stream.getvalue())
        view.stop()
        assert f"line {lines + 1}: damaged" in stream.getvalue()
