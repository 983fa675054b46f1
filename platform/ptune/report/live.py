"""Watch a search while it runs: a table on a terminal, a line now and then in a log.

    observer = live_view(sys.stdout)
    observer.start(folder); ...; observer.stop()

A thread of its own tails the search's journal, so the search neither waits for the view nor knows of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from rich.live import Live
from rich.text import Text

from ptune.errors import JournalError
from ptune.record.journal import JOURNAL, Reader
from ptune.report.console import WIDEST, Terminal
from ptune.report.progress import Progress
from ptune.report.said import one_line, say
from ptune.report.screen import answer_line, limit_line, line, picture, waiting_line

POLL = 0.5
"""Seconds between two looks at the journal."""
_ECHO = 3
"""Columns that stay free for the ^C that a terminal writes behind the table; on a new line it would move the table."""
_REST = 20
"""How many times as long as it draws the view rests at least: a picture of thousands of trials takes a while."""
LINE_EVERY = 10.0
"""Seconds between two lines in a log, unless there is a new best."""


class Follower:
    """Reads a journal from a thread, and shows the search after every look.

    Args:
        show: called with the progress and the time, in seconds since 1970; the last call comes from `stop`.
        lose: called, as the last call, with a message why the journal cannot be followed any further.
    """

    def __init__(
        self, show: Callable[[Progress, float], None], lose: Callable[[str], None], poll: float = POLL
    ) -> None:
        self._show = show
        self._lose = lose
        self._poll = poll
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, folder: Path) -> None:
        """Begin to follow the journal in `folder`."""
        self._thread = threading.Thread(target=self._work, args=(folder / JOURNAL,), name="ptune-live", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Show the end and stop; stopping twice, or before starting, is allowed."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self, path: Path) -> None:
        reader, progress = Reader(path), Progress()
        while True:
            stopping = self._stopping.is_set()  # asked before reading, so that the last look sees everything
            try:
                for event in reader:
                    progress.apply(event)
            except (JournalError, OSError) as error:
                self._lose(f"ptune: the search goes on, but cannot be shown any further: {error}")
                return
            began = time.thread_time()  # a terminal that does not read costs nothing
            self._show(progress, time.time())
            if stopping:
                return
            self._stopping.wait(max(self._poll, _REST * (time.thread_time() - began)))


class LiveTable:
    """The table that redraws itself on a terminal."""

    def __init__(self, console: Terminal, poll: float = POLL) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._follower = Follower(self._show, self._lose, poll)

    def start(self, folder: Path) -> None:
        """Draw the table of the search in `folder`."""
        self._live.start()
        self._follower.start(folder)

    def stop(self) -> None:
        """Take the table away; what comes after the search says how it ended."""
        self._follower.stop()
        self._live.stop()

    def _show(self, progress: Progress, now: float) -> None:
        width, height = min(self._console.width - _ECHO, WIDEST), self._console.height
        self._live.update(picture(progress, now, width, height), refresh=True)

    def _lose(self, message: str) -> None:
        self._live.update(Text(), refresh=True)
        self._console.print(Text(message, style="yellow"))


class LiveLines:
    """One plain line every ten seconds, and one for each new best."""

    def __init__(self, stream: IO[str], poll: float = POLL) -> None:
        self._stream = stream
        self._follower = Follower(self._show, self._lose, poll)
        self._shown_at = 0.0
        self._best: float | None = None
        self._awaiting: str | None = None
        self._limited = False
        self._answered: set[str] = set()

    def start(self, folder: Path) -> None:
        """Begin to write lines about the search in `folder`."""
        self._follower.start(folder)

    def stop(self) -> None:
        """Write the last line."""
        self._shown_at = 0.0
        self._follower.stop()

    def _show(self, progress: Progress, now: float) -> None:
        if progress.history.first is None:
            return
        best = progress.history.best_value
        awaiting = progress.history.awaiting
        if awaiting != self._awaiting:
            self._awaiting = awaiting
            say(one_line(waiting_line(progress, now)), file=self._stream)
        limit = progress.history.limit
        if limit is not None and not self._limited:
            self._limited = True
            say(one_line(limit_line(progress, limit, now)), file=self._stream)
        for request, answer in progress.history.answers.items():
            if request not in self._answered:
                self._answered.add(request)
                if answer.time >= (progress.since or 0.0):
                    say(one_line(answer_line(progress, answer, now)), file=self._stream)
        if best == self._best and now - self._shown_at < LINE_EVERY:
            return
        self._best, self._shown_at = best, now
        say(one_line(line(progress, now)), file=self._stream)

    def _lose(self, message: str) -> None:
        say(message, file=self._stream)


def live_view(stream: IO[str]) -> LiveTable | LiveLines:
    """The table where `stream` is a terminal, else lines. A notebook has a view of its own: `ptune.report.notebook`."""
    console = Terminal(file=stream)
    if not console.is_terminal or console.is_dumb_terminal:
        return LiveLines(stream)
    return LiveTable(console)
