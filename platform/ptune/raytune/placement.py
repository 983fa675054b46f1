"""Where engines run on a cluster, and what each reserves. Pure: a node is a few numbers; no Ray here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ptune.errors import ClusterError
from ptune.spec.job import Resources


@dataclass(frozen=True)
class Node:
    """A machine of the cluster and what it offers."""

    id: str
    cpus: float
    gpus: float
    memory: float = math.inf
    """Bytes."""


@dataclass(frozen=True)
class Placement:
    """Where one engine runs, and what it reserves.

    Attributes:
        cpus: cores it reserves; a little of every node is left for the clients, which need next to nothing.
        gpus: GPUs it reserves, 0 or 1.
        threads: threads it computes with.
        node: the node it belongs on; None where its GPU decides.
    """

    device: Literal["cpu", "cuda"]
    cpus: float
    gpus: int
    threads: int
    node: str | None


def place_engines(nodes: Sequence[Node], resources: Resources, trials: int, engine_bytes: int) -> list[Placement]:
    """Place a job's engines: one per GPU; without GPUs one per core, as far as they are of use; or as the job says.

    An engine on one core needs no threads to agree, and two of them do more than one on two cores. But their slots are
    at most half of the search's trials, so that the other half is proposed with results to learn from; and a node has
    no more of them than its memory holds. Every node has at least one.

    Args:
        nodes: the cluster's nodes.
        resources: what the job asks for.
        trials: how many trials the search has.
        engine_bytes: memory that an engine on CPUs takes.

    Raises:
        ClusterError: the nodes do not offer what the job asks for.
    """
    gpus = sum(int(node.gpus) for node in nodes)
    if resources.device == "cuda" and not gpus:
        raise ClusterError(f"resources.device is 'cuda', but no GPU is among the {len(nodes)} nodes of the cluster")
    if gpus and resources.device != "cpu":
        return _on_gpus(nodes, gpus, resources)
    return _on_cpus(nodes, resources, trials, engine_bytes)


def _on_gpus(nodes: Sequence[Node], gpus: int, resources: Resources) -> list[Placement]:
    count = gpus if resources.engines == "auto" else resources.engines
    if count > gpus:
        raise ClusterError(f"resources.engines <= {gpus}, the cluster's GPUs, must hold, got {count}")
    share = min(node.cpus / int(node.gpus) for node in nodes if int(node.gpus))
    return [Placement("cuda", 1.0 if share > 1 else share / 2, 1, max(1, math.floor(share)), None)] * count


def _on_cpus(nodes: Sequence[Node], resources: Resources, trials: int, engine_bytes: int) -> list[Placement]:
    able = sorted((node for node in nodes if node.cpus > 0), key=lambda node: (-node.cpus, node.id))
    if not able:
        raise ClusterError(f"no node of the cluster offers CPUs ({len(nodes)} nodes)")
    if resources.engines == "auto":
        hosts = _one_per_core(able, max(len(able), trials // (2 * resources.slots)), engine_bytes)
    else:
        hosts = [able[index % len(able)] for index in range(resources.engines)]
    ordinals = [hosts[:index].count(node) for index, node in enumerate(hosts)]
    return [_on_node(node, _share(node, n, hosts.count(node))) for node, n in zip(hosts, ordinals, strict=True)]


def _one_per_core(nodes: Sequence[Node], limit: int, engine_bytes: int) -> list[Node]:
    """The node of each engine: each node's first engine before any node's second."""
    capacities = [max(1, int(min(node.cpus, node.memory / engine_bytes))) for node in nodes]
    dealt = [
        node
        for ordinal in range(max(capacities))
        for node, capacity in zip(nodes, capacities, strict=True)
        if ordinal < capacity
    ]
    return dealt[:limit]


def _share(node: Node, ordinal: int, engines: int) -> float:
    """Cores of a node's engine number `ordinal`. All cores are dealt out, whole ones unless engines outnumber them."""
    cores = int(node.cpus)
    return node.cpus / engines if engines > cores else float(cores // engines + (ordinal < cores % engines))


def _on_node(node: Node, share: float) -> Placement:
    """An engine with `share` cores of a node. Ray takes fractions of a core only below one."""
    reserved = share / 2 if share <= 1 else math.ceil(share) - 1
    return Placement("cpu", float(reserved), 0, max(1, math.floor(share)), node.id)
