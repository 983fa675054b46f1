"""The engines of a search: seats handed out, dead engines replaced. Knows engines as objects, not Ray."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ptune.errors import ClusterError
from ptune.history import History
from ptune.raytune.placement import Placement

_STARTS = 3  # times an engine may die while it loads before its place is given up
_PATIENCE_S = 0.2


class RunningEngine(Protocol):
    """What the pool needs of an engine; `ptune.raytune.engine_actor.RemoteEngine` is one."""

    name: str

    def poll(self, timeout_s: float = 0.0) -> bool:
        """Whether it is ready."""

    def leave(self, token: str) -> None:
        """End a trial's stay."""

    def conclude(self, history: History) -> dict[str, Any]:
        """Export the best prompt."""

    def kill(self) -> None:
        """End it."""


@dataclass
class _Place:
    """A placement, the engine that is there at present, and who sits on it."""

    placement: Placement
    engine: RunningEngine
    ready: bool = False
    deaths: int = 0
    """Engines in a row that died here before they were ready."""
    seats: set[str] = field(default_factory=set)
    """The stays under way, by token."""
    reserved: bool = False
    """Whether the one trial here is to stay alone."""


class EnginePool:
    """Hands out seats on engines. Used by one thread.

    Args:
        launch: starts an engine at a place, without waiting until it is ready.
        lost: the error that says an engine died, as opposed to one that every start would meet again.
        slots: seats on one engine.
    """

    def __init__(
        self,
        launch: Callable[[Placement], RunningEngine],
        lost: type[Exception],
        placements: Sequence[Placement],
        slots: int,
    ) -> None:
        self._launch = launch
        self._lost = lost
        self._slots = slots
        self._places = [_Place(placement, launch(placement)) for placement in placements]

    @property
    def capacity(self) -> int:
        """Seats when every engine is ready."""
        return self._slots * len(self._places)

    def poll(self) -> None:
        """Take in the engines that have become ready, and start those again that died on the way.

        Raises:
            PtuneError: an engine cannot be loaded, here or anywhere.
            ClusterError: no engine is left.
        """
        for place in [place for place in self._places if not place.ready]:
            try:
                place.ready = place.engine.poll()
            except self._lost as error:
                self._restart(place, error)

    def wait(self, timeout_s: float) -> None:
        """Wait until an engine is ready.

        Raises:
            PtuneError: an engine cannot be loaded.
            ClusterError: none is ready after `timeout_s` seconds.
        """
        until = time.monotonic() + timeout_s
        self.poll()
        while not any(place.ready for place in self._places):
            if time.monotonic() > until:
                wanted = self._places[0].placement
                raise ClusterError(
                    f"no engine is ready after {timeout_s:.0f} s; each needs {wanted.cpus:g} CPUs and {wanted.gpus} "
                    "GPUs: is the cluster busy with other work?"
                )
            time.sleep(_PATIENCE_S)
            self.poll()

    def take(self, token: str, alone: bool = False) -> str | None:
        """Take a seat on the emptiest ready engine; return the engine's name, or None when there is no seat.

        Args:
            token: names the stay.
            alone: take only an engine where nobody sits, and keep others off it.
        """
        free = [place for place in self._places if place.ready and not place.reserved and self._room(place, alone)]
        if not free:
            return None
        place = min(free, key=lambda place: len(place.seats))
        place.seats.add(token)
        place.reserved = alone
        return place.engine.name

    def share(self, token: str) -> None:
        """Let others sit beside a trial that was to be alone."""
        for place in self._places:
            if token in place.seats:
                place.reserved = False

    def release(self, token: str) -> None:
        """Give a seat back."""
        for place in self._places:
            if token in place.seats:
                place.seats.remove(token)
                place.engine.leave(token)
                place.reserved = False

    def retire(self, token: str) -> None:
        """Replace the engine on which `token` sits; everybody there has lost the seat."""
        for place in self._places:
            if token in place.seats:
                self._replace(place)

    def conclude(self, history: History) -> dict[str, Any]:
        """Export the best prompt on an engine that is ready."""
        place = next(place for place in self._places if place.ready)
        return place.engine.conclude(history)

    def close(self) -> None:
        """End every engine."""
        for place in self._places:
            place.engine.kill()
        self._places = []

    def _room(self, place: _Place, alone: bool) -> bool:
        return len(place.seats) < (1 if alone else self._slots)

    def _restart(self, place: _Place, error: Exception) -> None:
        place.deaths += 1
        if place.deaths < _STARTS:
            self._replace(place)
            return
        self._places.remove(place)
        if not self._places:
            raise ClusterError(f"every engine died while loading, the last one {_STARTS} times: {error}") from None

    def _replace(self, place: _Place) -> None:
        place.engine.kill()
        place.engine = self._launch(place.placement)
        place.ready = False
        place.seats = set()
        place.reserved = False
