"""The connection to Ray: an embedded cluster on this machine, or one that exists."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import ray
from ray._private import worker

from ptune.errors import ClusterError
from ptune.raytune.authentication import ADVICE, authenticate, find_token
from ptune.raytune.embedded import alone, provide_token, replaced
from ptune.raytune.placement import Fleet, Node, suitable
from ptune.raytune.probe_address import probe_address
from ptune.spec.resources import Resources

_OBJECT_STORE_BYTES = 200 * 2**20  # a job's data travels through it once; everything else is small

_EMBEDDED = {
    "RAY_worker_niceness": "0",  # engines are what the machine is for; at Ray's 15 any other program starves them
    "RAY_idle_worker_killing_time_threshold_ms": "30000",  # at Ray's 1000, none is left by the time clients start
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_event_stats": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray chooses in future, with a warning
}


def connect(address: str | None = None) -> bool:
    """Connect this process to Ray, unless it is connected; return whether `disconnect` should undo it.

    Args:
        address: `host:port` of a cluster's head, `auto` for one on this machine, or None: RAY_ADDRESS, else an
            embedded cluster that lives as long as this process.

    Raises:
        ClusterError: no cluster answers at the address, or it asks for a token that is not here.
    """
    if ray.is_initialized():
        return False
    address = _reached(address)
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    starting: AbstractContextManager[None] = contextlib.nullcontext()
    if address == "local":
        for name, value in _EMBEDDED.items():
            os.environ.setdefault(name, value)
        options |= {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
        provide_token()
        starting = alone()
    try:
        with _own_sigterm(), starting, replaced(worker, "listen_error_messages", _unsaid):
            ray.init(address, **options)
    except ray.exceptions.AuthenticationError as error:
        raise ClusterError(
            f"the Ray cluster at {address!r} does not let this user in: {error.message}; {ADVICE}"
        ) from None
    except Exception as error:  # noqa: BLE001 - Ray has no type of its own for what does not start, or not in time
        if address == "local":
            raise ClusterError(f"Ray cannot start on this machine: {error}; `--local` trains without it") from None
        raise _no_answer(address, str(error)) from None
    return True


def check(address: str | None) -> None:
    """Refuse an address that `connect` would refuse without asking Ray.

    Raises:
        ClusterError: see `connect`.
    """
    if not ray.is_initialized():
        _reached(address)


def is_embedded(address: str | None) -> bool:
    """Whether `connect` would start a cluster of its own, which has what this machine has."""
    return not ray.is_initialized() and _meant(address) == "local"


def _meant(address: str | None) -> str:
    return address or os.environ.get("RAY_ADDRESS") or "local"


def _reached(address: str | None) -> str:
    """The address to connect to, at which a head answers and lets this process in."""
    address = _meant(address)
    if "://" in address:
        raise ClusterError(
            f"address {address!r} is not a cluster's head (host:port, or auto); "
            "to run on a cluster from outside, use `ptune submit JOB --address http://HOST:8265`"
        )
    if address not in ("local", "auto"):
        if problem := probe_address(address):
            raise _no_answer(address, problem)
        authenticate(address, find_token())
    return address


def _no_answer(address: str, problem: str) -> ClusterError:
    return ClusterError(
        f"no Ray cluster answers at {address!r} (from --address or RAY_ADDRESS): {problem}; "
        "start one with `ray start --head`, or unset RAY_ADDRESS to run on this machine alone"
    )


def _unsaid(*_: Any) -> None:
    """Ray prints a paragraph on standard output for each process or node that dies. A search says that in its way."""


@contextlib.contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep this process's answer to SIGTERM: Ray's would end a search without a record."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def disconnect() -> None:
    """Leave the cluster; an embedded one ends."""
    gc.collect()  # Ray ends the process if another thread collects one of its references while it shuts down
    ray.shutdown()


def fleet(resources: Resources, avoided: tuple[str, ...] = ()) -> Fleet:
    """The nodes of the cluster that suit a job, as they are at present, and whether more may come."""
    return Fleet(suitable(nodes(), resources, avoided), _grows(), _gpus_to_come(), avoided)


def nodes() -> list[Node]:
    """The cluster's living nodes."""
    return [
        Node(
            id=node["NodeID"],
            cpus=offers.pop("CPU", 0.0),
            gpus=offers.pop("GPU", 0.0),
            memory=offers.pop("memory", 0.0),
            address=node["NodeManagerAddress"],
            labels=node["Labels"],
            custom=offers,
        )
        for node in ray.nodes()
        if node["Alive"]
        for offers in [dict(node["Resources"])]
    ]


def _grows() -> bool:
    """Whether nodes may join: not the cluster of one machine that this process has started for itself."""
    node = ray._private.worker._global_node  # noqa: SLF001 - Ray has no public word for it
    return node is None or not node.is_head()


def _gpus_to_come() -> float:
    """GPUs that the cluster can have at most, where its autoscaler has told Ray."""
    most = ray._private.state.state.get_max_resources_from_cluster_config()  # noqa: SLF001 - as Ray's own libraries
    return float((most or {}).get("GPU", 0.0))
