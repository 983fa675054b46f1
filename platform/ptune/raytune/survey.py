"""The nodes of a cluster as a search would meet them: their libraries, their devices, and the runs folder on each."""

from __future__ import annotations

import os
import platform
import socket
import sys
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ptune.errors import PtuneError
from ptune.raytune.cluster import connect, disconnect
from ptune.run.prepare import versions
from ptune.storage.bucket import Bucket
from ptune.storage.local_copy import url_of

_PATIENCE_S = 120.0
_SILENT = "no answer"


@dataclass(frozen=True)
class NodeFacts:
    """What a node has.

    Attributes:
        name: its host name.
        address: its IP address.
        cpus: cores that it offers to Ray.
        gpus: GPUs that it offers to Ray.
        versions: by library, and of Python; empty where the node does not answer.
        python: the interpreter's path.
        devices: names of the GPUs that torch sees; they may be fewer than the node offers.
        runs: `shared`, or what is wrong with the runs folder or its bucket there.
    """

    name: str
    address: str
    cpus: float
    gpus: float
    versions: dict[str, str]
    python: str
    devices: list[str]
    runs: str

    @property
    def answers(self) -> bool:
        """Whether the node could be asked."""
        return bool(self.versions)


def survey(address: str | None, runs: Path) -> list[NodeFacts]:
    """Ask every living node of a cluster.

    Args:
        address: see `ptune.raytune.cluster.connect`.
        runs: the runs folder; every node looks for a file that this process writes there, and writes one itself.

    Raises:
        ClusterError: the cluster cannot be reached.
        OSError: this process cannot write the runs folder.
    """
    started = connect(address)
    mark = runs / f".ptune-{uuid.uuid4().hex}"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        mark.touch()
        nodes = [node for node in ray.nodes() if node["Alive"]]
        asked = [_ask(node["NodeID"], mark, url_of(runs)) for node in nodes]
        ready, _ = ray.wait(asked, num_returns=len(asked), timeout=_PATIENCE_S)
        return [_facts(node, answer if answer in ready else None) for node, answer in zip(nodes, asked, strict=True)]
    finally:
        for left in runs.glob(f"{mark.name}*"):
            with suppress(FileNotFoundError):
                left.unlink()
        if started:
            disconnect()


def _ask(node: str, mark: Path, url: str | None) -> ray.ObjectRef:
    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    remote = ray.remote(num_cpus=0, max_retries=0, max_calls=1)(look)
    return remote.options(scheduling_strategy=strategy).remote(mark, node, url)


def look(mark: Path, node: str, url: str | None = None) -> tuple[dict[str, str], str, list[str], str]:
    """What this process's node has: versions, interpreter, GPUs, and the state of the runs folder.

    Args:
        mark: a file that lies in the runs folder if the folder is shared.
        node: a name for the file that is written beside it.
        url: the bucket's, if the runs folder is the copy of one: then each node reaches the bucket instead.
    """
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)  # Ray hides the GPUs from tasks that take none
    import torch

    count = torch.cuda.device_count()
    devices = [torch.cuda.get_device_name(index) for index in range(count)]
    state = _state_of(mark, node) if url is None else _bucket_state(url)
    return versions(), f"{platform.python_version()} at {sys.executable}", devices, state


def _state_of(mark: Path, node: str) -> str:
    """`shared`, or what is wrong with the folder of a mark on this node."""
    if not mark.exists():
        return f"{mark.parent} is not shared: what the driver writes there is not seen on {socket.gethostname()}"
    try:
        mark.with_name(f"{mark.name}.{node}").touch()
    except OSError as error:
        return f"{mark.parent} cannot be written by user {os.getuid()}: {error.strerror}"
    return "shared"


def _bucket_state(url: str) -> str:
    """`shared`, or why this node cannot use a bucket."""
    try:
        Bucket(url).check()
    except PtuneError as error:
        return str(error)
    return "shared"


def _facts(node: dict[str, object], answer: ray.ObjectRef | None) -> NodeFacts:
    told: tuple[dict[str, str], str, list[str], str] = ({}, "", [], _SILENT)
    if answer is not None:
        try:
            told = ray.get(answer)
        except ray.exceptions.RayError as error:
            told = ({}, "", [], f"{_SILENT}: {str(error).strip().splitlines()[-1]}")
    offers = node["Resources"]
    assert isinstance(offers, dict)
    return NodeFacts(
        str(node["NodeManagerHostname"]),
        str(node["NodeManagerAddress"]),
        offers.get("CPU", 0.0),
        offers.get("GPU", 0.0),
        *told,
    )
