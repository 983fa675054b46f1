"""The engines of a search: asks for those it needs, leases their slots to trials, replaces those that are gone.

A *lease* is one use of a slot by a trial, known by a name of its own. Engines come and go while the search runs: they
are asked for, arrive on a node, become ready, and are released when no trial needs them. Knows engines as objects, not
Ray.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from ptune.errors import ClusterError
from ptune.raytune.free_slots import FreeSlots
from ptune.raytune.lost import EngineLostError, NodeLostError
from ptune.raytune.member import BEAT_EVERY_S, Loss, Member, RunningEngine
from ptune.raytune.placement import Device, Fleet, Placement, Planner, threads
from ptune.raytune.shortage import blocked_storage, missing
from ptune.raytune.watchdog import Watchdog
from ptune.record.history import History
from ptune.run.conclusion import Conclusion
from ptune.run.waits import Waits

_STARTS = 3  # engines in a row that may die on a node while they load before the node is avoided
_POLL_S = 0.2
_PLAN_EVERY_S = 1.0
_CONCLUSION = "conclusion"  # the lease of the engine that exports the best prompt
_IDLE_S = 60.0  # an engine that nobody needs is kept for so long


class EnginePool:
    """Leases the slots of engines. Used by one thread.

    Devices may choose different types for the frozen weights, and then trials would not be comparable. The first
    engine that is ready decides for all.

    Attributes:
        dtype: the type of the frozen weights; None before an engine is ready.

    Args:
        launch: starts an engine at a placement, with weights of the given type if it is known, and does not wait
            until the engine is ready.
        planner: says which engines are needed.
        fleet: looks at the cluster; it is given the nodes to avoid.
        waits: told what holds the search up.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        launch: Callable[[Placement, str | None], RunningEngine],
        planner: Planner,
        fleet: Callable[[tuple[str, ...]], Fleet],
        waits: Waits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._launch = launch
        self._planner = planner
        self._look = fleet
        self._waits = waits
        self._clock = clock
        self._slots = planner.resources.slots
        self.dtype: str | None = None
        self._fleet = Fleet([])
        self._members: dict[int, Member] = {}
        self._numbers: list[int] = []
        self._on: dict[str, Member] = {}
        self._free = FreeSlots(self._slots)
        self._deaths: Counter[str | None] = Counter()
        self._died_of = ""
        self._changed: set[str | None] = set()
        self._planned_at: float | None = None
        self._demand = 0

    @property
    def has_free_slot(self) -> bool:
        """Whether a ready engine has a free slot."""
        return self._free.emptiest is not None

    @property
    def leases(self) -> int:
        """How many leases there are."""
        return len(self._on)

    def poll(self, demand: int) -> list[Loss]:
        """Look after the engines: find those that are ready, idle, silent or gone, and ask for those that are missing.

        Args:
            demand: trials that train or could train now.

        Returns:
            Engines that are gone, with their leases.

        Raises:
            PtuneError: an engine cannot be loaded, here or anywhere.
            ClusterError: no engine has been ready for too long, or none ever can be.
        """
        self._demand = demand
        losses = [loss for member in list(self._members.values()) if (loss := self._look_after(member)) is not None]
        now = self._clock()
        if self._planned_at is None or now - self._planned_at >= _PLAN_EVERY_S:
            self._planned_at = now
            self._plan()
        if self._changed:
            self._share_threads()
        self._say_what_is_missing()
        return [loss for loss in losses if loss.leases]

    def wait(self, demand: int, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait until an engine is ready.

        Args:
            demand: see `poll`.
            meanwhile: called again and again; may raise what ends the wait.

        Raises:
            PtuneError: see `poll`.
        """
        self.poll(demand)
        while not self.has_free_slot:
            time.sleep(_POLL_S)
            meanwhile()
            self.poll(demand)

    def take(self, lease: str, *, on_probation: bool = False) -> RunningEngine:
        """Lease a slot on the emptiest ready engine; return the engine. Check `has_free_slot` first.

        Args:
            lease: names the lease.
            on_probation: no other trial joins the engine until `trust`; if the engine is lost before that, this lease
                is to blame.
        """
        number = self._free.emptiest
        assert number is not None, "the caller checks has_free_slot"
        member = self._members[number]
        member.leases.add(lease)
        member.probation = lease if on_probation else None
        self._on[lease] = member
        self._note_free(member)
        return member.engine

    def number(self, lease: str) -> int | None:
        """The number of the engine that a lease is on, from 0; None when the engine has ended."""
        member = self._on.get(lease)
        return None if member is None else member.number

    def trust(self, lease: str) -> None:
        """End a lease's probation."""
        member = self._on.get(lease)
        if member is not None and member.probation == lease:
            member.probation = None
            self._note_free(member)

    def release(self, lease: str) -> None:
        """Give a slot back."""
        self.trust(lease)
        member = self._on.pop(lease, None)
        if member is not None:
            member.leases.remove(lease)
            member.engine.leave(lease)
            self._note_free(member)

    def doubt(self, lease: str) -> None:
        """The node of a lease's engine may be gone: its engine gets no more trials until it answers."""
        member = self._on.get(lease)
        if member is not None:
            member.watchdog.doubt()
            self._note_free(member)

    def retire(self, lease: str, reason: str, *, with_node: bool = False) -> Loss | None:
        """Take the engine of a lease for lost; another one is asked for at the next `poll`."""
        member = self._on.get(lease)
        return None if member is None else self._lose(member, reason, with_node=with_node)

    def conclude(self, history: History) -> Conclusion:
        """Export the best prompt on an engine. If that engine is lost, another one tries.

        Raises:
            PtuneError: the prompt cannot be exported; or see `poll`.
        """
        for _ in range(_STARTS):
            self.wait(1)
            engine = self.take(_CONCLUSION)
            try:
                result = engine.conclude(history)
                while (conclusion := result()) is None and _CONCLUSION in self._on:
                    time.sleep(_POLL_S)
                    self.poll(1)
            except EngineLostError as lost:
                self.retire(_CONCLUSION, str(lost), with_node=isinstance(lost, NodeLostError))
                continue
            finally:
                self.release(_CONCLUSION)
            if conclusion is not None:
                return conclusion
        raise ClusterError(f"{_STARTS} engines were lost while they exported the best prompt")

    def close(self) -> None:
        """End every engine, also those that have been asked for and are not there yet."""
        for member in list(self._members.values()):
            self._remove(member)

    def _look_after(self, member: Member) -> Loss | None:
        """Find out how one engine is; say so if it is gone."""
        try:
            if not member.ready and member.engine.poll():
                self._welcome(member)
            reason = self._watch(member)
        except EngineLostError as lost:
            return self._lose(member, str(lost), with_node=isinstance(lost, NodeLostError))
        if reason is None:
            return None
        return self._lose(member, f"the engine on node {self._fleet.address(member.engine.node)} hangs: {reason}")

    def _welcome(self, member: Member) -> None:
        """Take in an engine that has become ready, unless its weights have another type than those of the others."""
        self._deaths.pop(member.engine.node, None)
        self._deaths.pop(None, None)
        self.dtype = self.dtype or member.engine.dtype
        if member.engine.dtype != self.dtype:
            member.engine.kill()
            member.engine = self._launch(member.placement, self.dtype)
            return
        member.ready = True
        member.watchdog = self._watchdog()
        self._changed.add(member.engine.node)
        self._note_free(member)

    def _watch(self, member: Member) -> str | None:
        """Ask an engine that has arrived what it does; return why it should be given up, if it should."""
        now = self._clock()
        if member.engine.node is None or now - member.asked_at < BEAT_EVERY_S:
            return None
        member.asked_at = now
        was_quiet = member.watchdog.is_quiet
        reason = member.watchdog.look(member.engine.beat())
        if member.watchdog.is_quiet != was_quiet:
            self._note_free(member)
        return reason

    def _watchdog(self) -> Watchdog:
        return Watchdog(self._planner.resources.silent_s, self._clock)

    def _plan(self) -> None:
        """Ask for engines that are missing, and let go of those that nobody needs."""
        avoided = tuple(sorted(node for node, deaths in self._deaths.items() if node and deaths >= _STARTS))
        self._fleet = fleet = self._look(avoided)
        if self._deaths[None] >= _STARTS or (avoided and not fleet.nodes):
            self._give_up_if_none_is_ready()
        device = self._planner.device(fleet)
        members = [member for member in list(self._members.values()) if self._stays(member, device)]
        arrived = sum(member.engine.node is not None for member in members)
        wanted = self._planner.wanted(fleet, arrived, self._demand)
        self._release(members, wanted)
        placements = [member.placed for member in self._members.values()]
        for placement in self._planner.missing(fleet, placements, wanted - len(members)):
            number = heapq.heappop(self._numbers) if self._numbers else len(self._members)
            self._members[number] = Member(number, placement, self._launch(placement, self.dtype), self._watchdog())

    def _give_up_if_none_is_ready(self) -> None:
        if not any(member.ready for member in self._members.values()):
            raise ClusterError(f"every engine died while loading, the last one {_STARTS} times: {self._died_of}")

    def _stays(self, member: Member, device: Device) -> bool:
        """Whether an engine has the device that engines should have; one without a lease goes at once.

        GPUs may join a search that began on CPUs. Engines on CPUs then end with the turns that they have.
        """
        if member.placement.device == device:
            return True
        replaced = any(other.ready and other.placement.device == device for other in self._members.values())
        if member.engine.node is None or (replaced and not member.leases):
            self._remove(member)
        elif replaced and not member.leaving:
            member.leaving = True
            self._note_free(member)
        return False

    def _release(self, members: Sequence[Member], wanted: int) -> None:
        """Let go of engines beyond those wanted: first those that are not there yet, then those idle for a while."""
        now = self._clock()
        for member in members:
            is_idle = member.ready and not member.leases
            member.idle_since = (member.idle_since if member.idle_since is not None else now) if is_idle else None
        coming = [member for member in members if member.engine.node is None]
        idle = [member for member in members if member.idle_since is not None and now - member.idle_since >= _IDLE_S]
        for member in (*reversed(coming), *reversed(idle))[: max(0, len(members) - wanted)]:
            self._remove(member)

    def _lose(self, member: Member, reason: str, *, with_node: bool = False) -> Loss:
        """Take an engine for lost; return its leases."""
        blamed = {member.probation} if member.probation is not None else member.leases
        loss = Loss(frozenset(member.leases), frozenset(blamed), reason, with_node)
        if not member.ready and not with_node:
            self._deaths[member.engine.node] += 1
            self._died_of = reason
        self._remove(member)
        self._planned_at = None  # another one is asked for at the next poll
        return loss

    def _remove(self, member: Member) -> None:
        """End an engine and its leases."""
        member.engine.kill()
        self._free.drop(member.number)
        for lease in member.leases:
            del self._on[lease]
        member.leases = set()
        if self._members.pop(member.number, None) is not None:
            heapq.heappush(self._numbers, member.number)
        if member.ready:
            self._changed.add(member.engine.node)

    def _note_free(self, member: Member) -> None:
        """Keep account of the slots that may be leased."""
        if not member.ready or member.leaving or member.probation is not None or member.watchdog.is_quiet:
            self._free.drop(member.number)
        else:
            self._free.put(member.number, len(member.leases))

    def _share_threads(self) -> None:
        """Let the engines on each node whose engines have changed share its cores."""
        nodes = {node.id: node for node in self._fleet.nodes if node.id in self._changed}
        there: dict[tuple[str, Device], list[Member]] = defaultdict(list)
        for member in self._members.values():
            if member.ready and member.engine.node in nodes:
                there[member.engine.node, member.placement.device].append(member)
        for (node, device), members in there.items():
            gpus = max(1, members[0].placement.gpus)
            for ordinal, member in enumerate(members):
                share = threads(nodes[node], device, ordinal, len(members), gpus)
                if share != member.threads:
                    member.threads = share
                    member.engine.compute_with(share)
        self._changed.clear()

    def _say_what_is_missing(self) -> None:
        """Say what the search waits for while nothing can train; give up after a while."""
        if not self._members or any(m.ready and not m.watchdog.is_quiet for m in self._members.values()):
            blocked = blocked_storage(self._members.values(), self._fleet)
            self._waits.over() if blocked is None else self._waits.on(blocked)
            return
        what = missing(self._members.values(), self._fleet, self._planner.resources)
        limit = self._planner.resources.engines_within_s
        if self._waits.lasted_s > limit:
            raise ClusterError(f"no engine was ready within {limit:.0f} s (resources.engines_within_s): {what}")
        self._waits.on(what)
