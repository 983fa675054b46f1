"""The clients of a search: started together, and kept until its end by rests where there is no turn for them.

Tune ends a client's process as soon as it has no trial for it, or another one that waits for its own process; a new one
takes seconds to start. Knows tokens, not turns, and neither Tune nor Ray.
"""

from __future__ import annotations

import time
from typing import Any

_TOGETHER_S = 10.0  # most that the first client waits for the last one, which the cluster may have no room for
_BETWEEN_S = 0.05  # between two questions of clients at rest, on average while all of them rest
_LONGEST_S = 2.0  # of a rest, because the end of the search waits for it


class Clients:
    """Who has a client, by token, and whether all have started.

    Args:
        count: clients of the search.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._busy: set[str] = set()
        self._starting = count
        self._heard: set[str] = set()
        self._until = float("inf")

    @property
    def free(self) -> bool:
        """Whether one has nothing to do."""
        return len(self._busy) < self.count

    @property
    def started(self) -> bool:
        """Whether all run, or the first has waited long enough; nobody is given a turn before."""
        return len(self._heard) >= self._starting or time.monotonic() >= self._until

    def rest(self) -> dict[str, Any]:
        """What a client is given instead of a turn, as its configuration: how long a step of it takes."""
        return {"trial": None, "epoch": 0, "seconds": min(_LONGEST_S, _BETWEEN_S * self.count)}

    def begin(self, token: str) -> None:
        """A client has been given a turn or a rest."""
        self._busy.add(token)

    def hear(self, token: str) -> None:
        """A client has answered."""
        if not self._heard:
            self._until = time.monotonic() + _TOGETHER_S
        self._heard.add(token)

    def end(self, token: str) -> None:
        """A client is free, or has died."""
        self._busy.discard(token)
