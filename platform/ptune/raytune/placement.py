"""How many engines a search asks for, and where. Pure: nodes are a few numbers; no Ray here.

A cluster is a stream of nodes. Engines are asked for at once, whether there is room for them or not, so that a cluster
that can grow sees what is needed. On nodes that are there, each engine on CPUs is dealt its share of one node's cores.
Everything else Ray places, and an engine finds out where it is when it arrives.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from ptune.errors import ClusterError
from ptune.spec.resources import EngineRange, Resources, suits

Device = Literal["cpu", "cuda"]

_BESIDE_GPU = 0.25  # of a core that an engine on a GPU reserves: the GPU is what is scarce
_FIRST_ASKED = 4  # engines that `auto` asks a cluster without room for, however few it has


@dataclass(frozen=True)
class Node:
    """A machine of the cluster and what it offers."""

    id: str
    cpus: float
    gpus: float
    memory: float = math.inf
    """Bytes."""
    address: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, float] = field(default_factory=dict)
    """Other resources of Ray, by name."""


@dataclass(frozen=True)
class Placement:
    """What one engine reserves, and where.

    Attributes:
        cpus: cores that it reserves.
        gpus: GPUs that it reserves; none on CPUs.
        node: the node it belongs on; None where Ray decides.
        avoids: nodes that it must not be on.
    """

    device: Device
    cpus: float
    gpus: int
    node: str | None
    avoids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fleet:
    """The nodes of a cluster that suit a job.

    Attributes:
        nodes: those that have the labels and custom resources the job asks for.
        grows: whether nodes may be added; False for the machine of an embedded cluster.
        gpus_to_come: GPUs that the cluster says it can have at most; 0 where it says nothing.
    """

    nodes: Sequence[Node]
    grows: bool = True
    gpus_to_come: float = 0.0
    avoided: tuple[str, ...] = ()
    """Nodes that are not among `nodes`, because engines die there."""

    @property
    def gpus(self) -> int:
        """GPUs that are there."""
        return sum(int(node.gpus) for node in self.nodes)

    def engines(self, gpus: int) -> int:
        """Engines of so many GPUs each that fit; one is on one node."""
        return sum(int(node.gpus) // gpus for node in self.nodes)

    def address(self, node_id: str | None) -> str:
        """What people know a node by."""
        return next((node.address for node in self.nodes if node.id == node_id), node_id or "?")


def suitable(nodes: Sequence[Node], resources: Resources, avoided: Sequence[str] = ()) -> list[Node]:
    """The nodes on which an engine of a job may be."""
    return [
        node
        for node in nodes
        if node.id not in avoided
        and suits(node.labels, resources.labels)
        and all(node.custom.get(name, 0.0) >= amount for name, amount in resources.reserve.items())
        and (resources.accelerator_type is None or f"accelerator_type:{resources.accelerator_type}" in node.custom)
    ]


@dataclass(frozen=True)
class Planner:
    """Says which engines a job needs on a fleet.

    Attributes:
        resources: what the job asks for.
        trials: how many trials the search has.
        engine_bytes: memory that an engine takes on CPUs.
    """

    resources: Resources
    trials: int
    engine_bytes: int

    def device(self, fleet: Fleet) -> Device:
        """Where engines run: what the job says, else GPUs where the fleet has some or says that some can come.

        Raises:
            ClusterError: the job asks for GPUs, and the fleet has none and never will.
        """
        if self.resources.device == "cpu":
            return "cpu"
        several = self.resources.gpus_per_engine > 1
        asked = self.resources.device == "cuda" or self.resources.accelerator_type is not None or several
        if asked and not (fleet.gpus or fleet.grows):
            key = f"gpus_per_engine is {self.resources.gpus_per_engine}" if several else "device is 'cuda'"
            raise ClusterError(f"resources.{key}, but this machine offers Ray no GPU")
        return "cuda" if asked or fleet.gpus or fleet.gpus_to_come else "cpu"

    def wanted(self, fleet: Fleet, present: int, demand: int) -> int:
        """How many engines there should be.

        On what is there, each trial may have an engine to itself, and one on CPUs computes with one core: it needs no
        threads to agree. `auto` leaves half of the trials to come on CPUs, so that they are proposed with results to
        learn from. A cluster that grows is asked for no more engines than fill their slots; by `auto`, for no more than
        half of the trials fill, and for at most as many as there are already, or a few.

        Args:
            fleet: the nodes.
            present: engines that there are, or that have been asked for and have room.
            demand: trials that could train now.

        Raises:
            ClusterError: the fleet never offers what the job asks for.
        """
        engines, slots = self.resources.engines, self.resources.slots
        if isinstance(engines, int):
            self._check(fleet, engines)
            return engines
        here, filled = self._room(fleet), math.ceil(demand / slots)
        if isinstance(engines, EngineRange):
            asked = max(min(demand, here), filled if fleet.grows else 0)
            return min(max(asked, engines.min), engines.max)
        self._check(fleet, 1)
        growth = min(filled, self.trials // (2 * slots), present + max(present, _FIRST_ASKED)) if fleet.grows else 0
        return max(1, min(demand, here), growth)

    def missing(self, fleet: Fleet, present: Sequence[Placement], count: int) -> list[Placement]:
        """Place `count` more engines.

        Args:
            fleet: the nodes.
            present: of the engines that there are already; those that have arrived name their node.
            count: how many.

        Raises:
            ClusterError: the fleet never offers what the job asks for.
        """
        if count <= 0:
            return []
        if self.device(fleet) == "cuda":
            return [Placement("cuda", _BESIDE_GPU, self.resources.gpus_per_engine, None, fleet.avoided)] * count
        dealt = self._deal(fleet, present, count)
        rest = count - len(dealt)
        if fleet.grows or not rest:
            return dealt + [Placement("cpu", 1.0, 0, None, fleet.avoided)] * rest
        return self._squeezed(fleet, count + len(present))[len(present) :]

    def _room(self, fleet: Fleet) -> int:
        """Engines that the nodes have room for and use for."""
        if self.device(fleet) == "cuda":
            return fleet.engines(self.resources.gpus_per_engine)
        able = [node for node in fleet.nodes if node.cpus > 0]
        return min(sum(map(self._capacity, able)), max(len(able), self.trials // (2 * self.resources.slots)))

    def _capacity(self, node: Node) -> int:
        """Engines on CPUs that a node's cores and memory hold; at least one."""
        return max(1, int(min(node.cpus, node.memory / self.engine_bytes))) if node.cpus > 0 else 0

    def _deal(self, fleet: Fleet, present: Sequence[Placement], count: int) -> list[Placement]:
        """Deal engines to the nodes' free cores, each node's first engine before any node's second."""
        there = Counter(placement.node for placement in present)
        taken: defaultdict[str | None, float] = defaultdict(float)
        for placement in present:
            taken[placement.node] += placement.cpus
        nodes = sorted((node for node in fleet.nodes if node.cpus > 0), key=lambda node: (-node.cpus, node.id))
        free = {node.id: node.cpus - taken[node.id] for node in nodes}
        room = {
            node.id: min(self._capacity(node) - there[node.id], max(int(free[node.id]), not there[node.id]))
            for node in nodes
        }
        deepest = max((there[node.id] + room[node.id] for node in nodes), default=0)
        hosts = (
            node.id
            for ordinal in range(deepest)
            for node in nodes
            if there[node.id] <= ordinal < there[node.id] + room[node.id]
        )
        return _shares(list(islice(hosts, count)), free)

    def _squeezed(self, fleet: Fleet, count: int) -> list[Placement]:
        """As many engines as the job says, on cores that they outnumber: parts of a core each."""
        nodes = sorted((node for node in fleet.nodes if node.cpus > 0), key=lambda node: (-node.cpus, node.id))
        hosts = [nodes[index % len(nodes)].id for index in range(count)]
        return _shares(hosts, {node.id: node.cpus for node in nodes})

    def _check(self, fleet: Fleet, engines: int) -> None:
        """Refuse what a fleet that does not grow never offers."""
        if fleet.grows:
            return
        gpus = self.resources.gpus_per_engine
        if self.device(fleet) == "cuda" and engines > fleet.engines(gpus):
            share = f" with gpus_per_engine = {gpus}" if gpus > 1 else ""
            law = f"resources.engines <= {fleet.engines(gpus)}, which the GPUs of this machine serve"
            if fleet.engines(gpus) == 0:
                law, share = f"resources.gpus_per_engine <= {fleet.gpus}, as many as this machine has", ""
            raise ClusterError(f"{law}, must hold, got {engines if fleet.engines(gpus) else gpus}{share}")
        if self.device(fleet) == "cpu" and not any(node.cpus > 0 for node in fleet.nodes):
            raise ClusterError("this machine offers Ray no CPUs, or has not the labels and resources of the job")


def _shares(hosts: Sequence[str], free: Mapping[str, float]) -> list[Placement]:
    """A placement for each host; each host's free cores are dealt out, whole ones unless engines outnumber them."""
    counts, dealt = Counter(hosts), Counter[str]()
    placements = []
    for host in hosts:
        placements.append(Placement("cpu", _share(free[host], dealt[host], counts[host]), 0, host))
        dealt[host] += 1
    return placements


def _share(cores: float, ordinal: int, engines: int) -> float:
    """Cores of a node's engine number `ordinal` of `engines`."""
    whole = int(cores)
    if engines > whole:
        return math.floor(1e4 * cores / engines) / 1e4  # Ray counts ten-thousandths
    return float(whole // engines + (ordinal < whole % engines))


def threads(node: Node, device: Device, ordinal: int, engines: int, gpus: int = 1) -> int:
    """Threads of a node's engine number `ordinal` of the `engines` that a search has there.

    An engine on GPUs, `gpus` of them, has the cores that the node has for each of those; those on CPUs share all.
    """
    if device == "cuda":
        return max(1, int(gpus * node.cpus / max(gpus, int(node.gpus))))
    return max(1, int(_share(node.cpus, ordinal, engines)))
