"""An engine as the pool sees it: what it can be asked, where it was asked for, and the leases on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from ptune.raytune.messages import Beat
from ptune.raytune.placement import Placement
from ptune.raytune.watchdog import Watchdog
from ptune.record.history import History
from ptune.run.conclusion import Conclusion

BEAT_EVERY_S = 2.0
"""Seconds between two questions what an engine does."""


class RunningEngine(Protocol):
    """What the pool needs of an engine; `ptune.raytune.engine_actor.RemoteEngine` is one."""

    name: str
    dtype: str | None
    """Type of its frozen weights, once it is ready."""
    node: str | None
    """The node that it is on, once it has arrived."""

    def poll(self) -> bool:
        """Whether it is ready; raises what keeps it from that."""

    def beat(self) -> Beat | None:
        """Its answer to the last question what it does, if it has come; then ask again. Raises if it is gone."""

    def compute_with(self, threads: int) -> None:
        """Use so many threads from the next pass on."""

    def leave(self, lease: str) -> None:
        """End a lease."""

    def conclude(self, history: History) -> Callable[[], Conclusion | None]:
        """Begin to export the best prompt; what is returned says the result, None until it is there."""

    def kill(self) -> None:
        """End its process."""


@dataclass
class Member:
    """An engine, where it was asked for, and the leases on it."""

    number: int
    """From 0, the smallest that is free; the engine that replaces another has its number."""
    placement: Placement
    engine: RunningEngine
    watchdog: Watchdog
    ready: bool = False
    threads: int = 0
    asked_at: float = -BEAT_EVERY_S
    """When it was last asked what it does."""
    idle_since: float | None = None
    leaving: bool = False
    """Whether it gets no more leases, because better engines have come."""
    leases: set[str] = field(default_factory=set)
    probation: str | None = None
    """The lease that must stay alone on the engine, if there is one."""

    @property
    def placed(self) -> Placement:
        """Where it is, or belongs."""
        return replace(self.placement, node=self.engine.node or self.placement.node)


@dataclass(frozen=True)
class Loss:
    """An engine that is gone.

    Attributes:
        leases: those that end with it.
        blamed: those of them that may be the reason.
        reason: what became of it.
        with_node: whether its node went with it.
    """

    leases: frozenset[str]
    blamed: frozenset[str]
    reason: str
    with_node: bool
