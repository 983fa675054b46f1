"""The law of waiting: a wait that has lasted ten seconds says what it waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ptune.files import blocked_write

Say = Callable[[str | None], None]
"""Tells people what a search waits for; None takes it back."""
SAID_AFTER_S = 10.0
_LOOK_S = 1.0


def unsaid(_what: str | None) -> None:
    """Tell nobody."""


class Waits:
    """One thing that may hold a search up. Whoever waits says so at every look; used by one thread.

    Args:
        say: told once a wait has lasted `SAID_AFTER_S`, and again when it is for something else, at most as often.
        clock: seconds that never go back.
    """

    def __init__(self, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._since: float | None = None
        self._said: str | None = None
        self._said_at = 0.0

    @property
    def lasted_s(self) -> float:
        """Seconds since the wait began; 0 while there is none."""
        return 0.0 if self._since is None else self._clock() - self._since

    def on(self, what: str) -> None:
        """Wait for something; ask again until it is there."""
        now = self._clock()
        if self._since is None:
            self._since = self._said_at = now
        if what != self._said and now - self._said_at >= SAID_AFTER_S:
            self._said, self._said_at = what, now
            self._say(what)

    def over(self) -> None:
        """It is there."""
        self._since = None
        if self._said is not None:
            self._said = None
            self._say(None)


@contextmanager
def storage_watched(say: Say) -> Iterator[None]:
    """Say which file is being written when storage blocks, from a thread of its own.

    Args:
        say: must not write to that storage.
    """
    over = threading.Event()

    def watch() -> None:
        said = None
        while not over.wait(_LOOK_S):
            path = blocked_write()
            if path != said:
                said = path
                say(None if path is None else f"the storage that should take {path}")

    watcher = threading.Thread(target=watch, name="ptune-storage", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
