"""Asking something of a search: judge it, leave it for the driver, and wait a while for the answer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from ptune.errors import JournalError, SpecError
from ptune.record.events import Refused
from ptune.record.history import Answer, History
from ptune.record.journal import JOURNAL, Reader
from ptune.record.requests import Change, End, Request
from ptune.run.folders import bring_search, is_running
from ptune.run.waits import Say, Waits, unsaid
from ptune.searching.requested import judge
from ptune.storage.local_copy import bucket_of
from ptune.storage.requests import leave

_LOOK_S = 0.2
_LOOK_IN_BUCKET_S = 2.0
PATIENCE_S = 120.0
"""How long an answer is waited for: a driver looks between two passes, in a bucket every few seconds."""


@dataclass(frozen=True)
class Asked:
    """A request, and what has become of it.

    Attributes:
        request: the request.
        history: the search as it stands now.
        running: whether a process runs the search, which then takes the request up.
        answer: its answer in the journal; None while there is none.
    """

    request: Request
    history: History
    running: bool
    answer: Answer | None


def ask(folder: Path, change: Change, say: Say = unsaid, patience_s: float = PATIENCE_S) -> Asked:
    """Ask something of a search.

    Args:
        folder: the search's folder, up to date.
        change: what is asked.
        say: told what is waited for, after a while.
        patience_s: how long to wait for the answer of a search that runs.

    Raises:
        SpecError: it cannot be done.
        JournalError: the end of a search is asked for that does not run, or its journal cannot be read.
    """
    following = _Following(folder)
    history = following.history
    judge(change, history)
    if isinstance(change, End) and not is_running(folder):
        raise JournalError(f"{folder.name} does not run: it is {history.status}")
    request = leave(folder, change)
    waits = Waits(say)
    while (running := is_running(folder)) and request.id not in history.answers and waits.lasted_s < patience_s:
        waits.on(f"{folder.name}, which answers after what it does at present")
        following.wait()
    waits.over()
    following.read()
    answer = history.answers.get(request.id)
    if isinstance(answer, Refused):
        raise SpecError(answer.reason)
    return Asked(request, history, running, answer)


class _Following:
    """A journal that is read while its search may run, here or elsewhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reader = Reader(folder / JOURNAL)
        self._in_bucket = bucket_of(folder) is not None
        self.history = History()
        self.read()

    def read(self) -> None:
        """Take in what has been written since."""
        for event in self._reader:
            self.history.apply(event)

    def wait(self) -> None:
        """Wait for a moment, then read on."""
        time.sleep(_LOOK_IN_BUCKET_S if self._in_bucket else _LOOK_S)
        if self._in_bucket:
            bring_search(self._folder)
        self.read()
