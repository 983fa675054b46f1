"""The requests of users, brought to the conductor of a running search between two steps of its training."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from ptune.errors import PtuneError
from ptune.record.history import History
from ptune.record.requests import Clone, End, Request, Stop
from ptune.searching.conductor import Conductor
from ptune.searching.requested import judge
from ptune.storage.requests import RequestFolder
from ptune.storage.states import drop_start

LOOK_EVERY_S = 0.3
_TOO_LATE = "the search had come to an end before"


def is_asked_for_more(folder: Path, history: History) -> bool:
    """Whether a request waits in a search's folder that only a running search can answer."""
    waiting = RequestFolder(folder).new(history.answers)
    return any(not isinstance(request.change, End) for request in waiting)


class EndRequestedError(KeyboardInterrupt):
    """A user has asked for the end of a search; it ends as it does on SIGTERM."""

    def __init__(self, request: str) -> None:
        super().__init__(request)
        self.request = request
        """Its id."""


@dataclass(frozen=True)
class Taken:
    """What a look at the requests leaves for a runner to do.

    Attributes:
        stopped: trials that have to leave their engines.
        end: the request that asks for the end of the search; None while nobody does.
    """

    stopped: Sequence[int] = ()
    end: str | None = None


class Bell:
    """Rings when a user asks for the end of a search that does not train yet.

    Args:
        folder: the search's folder.
        answered: the requests that its journal answers.
    """

    def __init__(self, folder: Path, answered: Container[str]) -> None:
        self._requests = RequestFolder(folder)
        self._answered = answered

    def __call__(self) -> None:
        """Look at the new requests; the others of them wait for the training.

        Raises:
            EndRequestedError: one of them asks for the end.
        """
        for request in self._requests.new(self._answered):
            if isinstance(request.change, End):
                raise EndRequestedError(request.id)


class Inbox:
    """The requests of one search, which its conductor answers.

    Args:
        folder: the search's folder.
        conductor: decides, and writes the answers into the journal.
        clock: seconds that never go back.
    """

    def __init__(self, folder: Path, conductor: Conductor, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._conductor = conductor
        self._requests = RequestFolder(folder)
        self._clock = clock
        self._looked_at: float | None = None

    def look(self) -> Taken:
        """Have new requests answered. It may be called all the time, and looks a few times a second."""
        now = self._clock()
        if self._looked_at is not None and now - self._looked_at < LOOK_EVERY_S:
            return Taken()
        self._looked_at = now
        requests = self._new()
        end = next((request.id for request in requests if isinstance(request.change, End)), None)
        for request in requests:
            self._answer(request)
        return Taken([request.change.trial for request in requests if isinstance(request.change, Stop)], end)

    def take_up(self) -> None:
        """Have the requests answered that were left while no process ran the search."""
        drop_start(self._folder, len(self._conductor.history.trials))
        for request in self._new():
            if isinstance(request.change, End):
                self._conductor.refuse(request, _TOO_LATE)
            else:
                self._answer(request)

    def _new(self) -> list[Request]:
        return self._requests.new(self._conductor.history.answers)

    def _answer(self, request: Request) -> None:
        """Let the conductor decide; what a warm trial starts from is there before the journal says so."""
        if isinstance(request.change, Clone) and request.change.warm:
            try:
                self._keep_start(request.id, request.change)
            except PtuneError as error:
                drop_start(self._folder, len(self._conductor.history.trials))
                self._conductor.refuse(request, str(error))
                return
        self._conductor.answer(request)

    def _keep_start(self, request: str, change: Clone) -> None:
        """Keep what the next trial is to start from.

        Raises:
            SpecError: it cannot start from there.
            EngineError: what its parent has learned is damaged.
        """
        from ptune.run.warm import (
            keep_start,  # imported here because it imports torch, which a driver on Ray never does
        )

        history = self._conductor.history
        judge(change, history)
        keep_start(self._folder, history.trials[change.trial], len(history.trials), request)
