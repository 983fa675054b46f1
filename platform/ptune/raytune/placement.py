"""Where engines run on a cluster, and what each reserves. Pure: knows nodes as numbers, not Ray."""

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


@dataclass(frozen=True)
class Placement:
    """One engine's place.

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


def place_engines(nodes: Sequence[Node], resources: Resources) -> list[Placement]:
    """Place a job's engines: one per GPU, or one per node where there are none, unless the job says how many.

    Raises:
        ClusterError: the nodes do not offer what the job asks for.
    """
    gpus = sum(int(node.gpus) for node in nodes)
    if resources.device == "cuda" and not gpus:
        raise ClusterError(f"resources.device is 'cuda', but no GPU is among the {len(nodes)} nodes of the cluster")
    return _on_gpus(nodes, gpus, resources) if gpus and resources.device != "cpu" else _on_cpus(nodes, resources)


def _on_gpus(nodes: Sequence[Node], gpus: int, resources: Resources) -> list[Placement]:
    count = gpus if resources.engines == "auto" else resources.engines
    if count > gpus:
        raise ClusterError(f"resources.engines <= {gpus}, the cluster's GPUs, must hold, got {count}")
    share = min(node.cpus / int(node.gpus) for node in nodes if int(node.gpus))
    return [Placement("cuda", 1.0 if share > 1 else share / 2, 1, max(1, math.floor(share)), None)] * count


def _on_cpus(nodes: Sequence[Node], resources: Resources) -> list[Placement]:
    able = sorted((node for node in nodes if node.cpus > 0), key=lambda node: (-node.cpus, node.id))
    if not able:
        raise ClusterError(f"no node of the cluster offers CPUs ({len(nodes)} nodes)")
    count = len(able) if resources.engines == "auto" else resources.engines
    hosts = [able[index % len(able)] for index in range(count)]
    return [_on_node(node, node.cpus / hosts.count(node)) for node in hosts]


def _on_node(node: Node, share: float) -> Placement:
    """An engine with `share` cores of a node. Ray takes fractions of a core only below one."""
    reserved = share / 2 if share <= 1 else math.ceil(share) - 1
    return Placement("cpu", float(reserved), 0, max(1, math.floor(share)), node.id)
