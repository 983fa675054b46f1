"""The engines of a search: leases their slots to trials and replaces dead engines. Knows engines as objects, not Ray.

A *lease* is one use of a slot by a trial, known by a name of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ptune.errors import ClusterError
from ptune.raytune.placement import Placement
from ptune.record.history import History
from ptune.run.conclusion import Conclusion

_STARTS = 3  # times an engine may die while it loads before its placement is given up
_POLL_S = 0.2


class RunningEngine(Protocol):
    """What the pool needs of an engine; `ptune.raytune.engine_actor.RemoteEngine` is one."""

    name: str
    dtype: str | None
    """Type of its frozen weights, once it is ready."""

    def poll(self) -> bool:
        """Whether it is ready."""

    def leave(self, lease: str) -> None:
        """End a lease."""

    def conclude(self, history: History) -> Conclusion:
        """Export the best prompt."""

    def kill(self) -> None:
        """End its process."""


@dataclass
class _Member:
    """A placement, its current engine, and the leases on that engine."""

    number: int
    """Of the placement, from 0; the engine that replaces another has its number."""
    placement: Placement
    engine: RunningEngine
    ready: bool = False
    deaths: int = 0
    """Engines in a row that died here before they were ready."""
    leases: set[str] = field(default_factory=set)
    probation: str | None = None
    """The lease that must stay alone on the engine, if there is one."""


class EnginePool:
    """Leases the slots of engines. Used by one thread.

    Devices may choose different types for the frozen weights, and then trials would not be comparable. The first
    engine that is ready decides for all.

    Attributes:
        dtype: the type of the frozen weights; None before an engine is ready.

    Args:
        launch: starts an engine at a placement, with weights of the given type if it is known, and does not wait
            until the engine is ready.
        lost: the error that says an engine died. Any other error would meet every start again.
        slots: slots of one engine.
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
        self._members = [
            _Member(number, placement, launch(placement, None)) for number, placement in enumerate(placements)
        ]

    @property
    def capacity(self) -> int:
        """Slots when every engine is ready."""
        return self._slots * len(self._members)

    @property
    def has_free_slot(self) -> bool:
        """Whether a ready engine has a free slot."""
        return self._emptiest() is not None

    def poll(self) -> None:
        """Find the engines that have become ready, and start again those that died while they loaded.

        Raises:
            PtuneError: an engine cannot be loaded, here or anywhere.
            ClusterError: no engine is left.
        """
        for member in [member for member in self._members if not member.ready]:
            try:
                member.ready = member.engine.poll()
            except self._lost as error:
                self._restart(member, error)
            else:
                if member.ready:
                    member.deaths = 0
                    self._agree(member)

    def wait(self, timeout_s: float) -> None:
        """Wait until an engine is ready.

        Raises:
            PtuneError: an engine cannot be loaded.
            ClusterError: none is ready after `timeout_s` seconds.
        """
        until = time.monotonic() + timeout_s
        self.poll()
        while not any(member.ready for member in self._members):
            if time.monotonic() > until:
                placement = self._members[0].placement
                raise ClusterError(
                    f"no engine is ready after {timeout_s:.0f} s; each needs {placement.cpus:g} CPUs and "
                    f"{placement.gpus} GPUs: is the cluster busy with other work?"
                )
            time.sleep(_POLL_S)
            self.poll()

    def take(self, lease: str, *, on_probation: bool = False) -> str:
        """Lease a slot on the emptiest ready engine; return the engine's name. Check `has_free_slot` first.

        Args:
            lease: names the lease.
            on_probation: no other trial joins the engine until `trust`; if the engine is lost before that, this lease
                is to blame.
        """
        member = self._emptiest()
        assert member is not None, "the caller checks has_free_slot"
        member.leases.add(lease)
        member.probation = lease if on_probation else None
        return member.engine.name

    def number(self, lease: str) -> int:
        """The number of the engine that a lease is on, from 0; the lease must be on one."""
        return next(member.number for member in self._members if lease in member.leases)

    def trust(self, lease: str) -> None:
        """End a lease's probation."""
        for member in self._members:
            if member.probation == lease:
                member.probation = None

    def release(self, lease: str) -> None:
        """Give a slot back."""
        self.trust(lease)
        for member in self._members:
            if lease in member.leases:
                member.leases.remove(lease)
                member.engine.leave(lease)

    def retire(self, lease: str) -> tuple[set[str], set[str]]:
        """Replace the engine of a lease; return all leases that end with it, and those of them to blame."""
        for member in self._members:
            if lease in member.leases:
                ended = member.leases
                blamed = {member.probation} if member.probation is not None else ended
                self._replace(member)
                return ended, blamed
        return set(), set()

    def conclude(self, history: History, timeout_s: float) -> Conclusion:
        """Export the best prompt on an engine. If that engine dies, another one tries.

        Raises:
            PtuneError: the prompt cannot be exported, or no engine is ready after `timeout_s` seconds.
        """
        for _ in range(_STARTS):
            self.wait(timeout_s)
            member = next(member for member in self._members if member.ready)
            try:
                return member.engine.conclude(history)
            except self._lost as lost:
                self._replace(member)
                error = lost
        raise error

    def close(self) -> None:
        """End every engine."""
        for member in self._members:
            member.engine.kill()
        self._members = []

    def _emptiest(self) -> _Member | None:
        free = [m for m in self._members if m.ready and m.probation is None and len(m.leases) < self._slots]
        return min(free, key=lambda member: len(member.leases), default=None)

    def _agree(self, member: _Member) -> None:
        """Replace an engine whose weights have another type than those of the other engines."""
        self.dtype = self.dtype or member.engine.dtype
        if member.engine.dtype != self.dtype:
            self._replace(member)

    def _restart(self, member: _Member, error: Exception) -> None:
        member.deaths += 1
        if member.deaths < _STARTS:
            self._replace(member)
            return
        self._members.remove(member)
        if not self._members:
            raise ClusterError(f"every engine died while loading, the last one {_STARTS} times: {error}") from None

    def _replace(self, member: _Member) -> None:
        member.engine.kill()
        member.engine = self._launch(member.placement, self.dtype)
        member.ready = False
        member.leases = set()
        member.probation = None
