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
    dtype: str | None
    """Type of its frozen weights, once it is ready."""

    def poll(self) -> bool:
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
    probation: str | None = None
    """The stay that nobody may join at present."""


class EnginePool:
    """Hands out seats on engines. Used by one thread.

    Left to themselves, devices choose different types for the frozen weights, and trials would not be comparable: the
    first engine that is ready decides for all.

    Attributes:
        dtype: the type of the frozen weights; None before an engine is ready.

    Args:
        launch: starts an engine at a place, with weights of a type if it is known, without waiting until it is ready.
        lost: the error that says an engine died, as opposed to one that every start would meet again.
        slots: seats on one engine.
    """

    def __init__(
        self,
        launch: Callable[[Placement, str | None], RunningEngine],
        lost: type[Exception],
        placements: Sequence[Placement],
        slots: int,
    ) -> None:
        self._launch = launch
        self._lost = lost
        self._slots = slots
        self.dtype: str | None = None
        self._places = [_Place(placement, launch(placement, None)) for placement in placements]

    @property
    def capacity(self) -> int:
        """Seats when every engine is ready."""
        return self._slots * len(self._places)

    @property
    def has_seat(self) -> bool:
        """Whether a seat is free on a ready engine."""
        return self._emptiest() is not None

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
            else:
                if place.ready:
                    place.deaths = 0
                    self._agree(place)

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

    def take(self, token: str, *, on_probation: bool = False) -> str:
        """Take a seat on the emptiest ready engine; return the engine's name. There must be one: see `has_seat`.

        Args:
            token: names the stay.
            on_probation: nobody may join until `trust`, and if the engine is lost meanwhile, this stay is to blame.
        """
        place = self._emptiest()
        assert place is not None, "has_seat was not asked"
        place.seats.add(token)
        place.probation = token if on_probation else None
        return place.engine.name

    def trust(self, token: str) -> None:
        """End a stay's probation."""
        for place in self._places:
            if place.probation == token:
                place.probation = None

    def release(self, token: str) -> None:
        """Give a seat back."""
        self.trust(token)
        for place in self._places:
            if token in place.seats:
                place.seats.remove(token)
                place.engine.leave(token)

    def retire(self, token: str) -> tuple[set[str], set[str]]:
        """Replace the engine that `token` sits on; return all the stays that end with it, and those to blame."""
        for place in self._places:
            if token in place.seats:
                lost = place.seats
                blamed = {place.probation} if place.probation is not None else lost
                self._replace(place)
                return lost, blamed
        return set(), set()

    def conclude(self, history: History, timeout_s: float) -> dict[str, Any]:
        """Export the best prompt on an engine, on another one if that dies.

        Raises:
            PtuneError: the prompt cannot be exported, or no engine is ready after `timeout_s` seconds.
        """
        for _ in range(_STARTS):
            self.wait(timeout_s)
            place = next(place for place in self._places if place.ready)
            try:
                return place.engine.conclude(history)
            except self._lost as lost:
                self._replace(place)
                error = lost
        raise error

    def close(self) -> None:
        """End every engine."""
        for place in self._places:
            place.engine.kill()
        self._places = []

    def _emptiest(self) -> _Place | None:
        free = [p for p in self._places if p.ready and p.probation is None and len(p.seats) < self._slots]
        return min(free, key=lambda place: len(place.seats), default=None)

    def _agree(self, place: _Place) -> None:
        """Start an engine again whose weights are of another type than the others'."""
        self.dtype = self.dtype or place.engine.dtype
        if place.engine.dtype != self.dtype:
            self._replace(place)

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
        place.engine = self._launch(place.placement, self.dtype)
        place.ready = False
        place.seats = set()
        place.probation = None
