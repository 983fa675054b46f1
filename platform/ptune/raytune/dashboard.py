"""The dashboard of a Ray cluster, through which jobs reach it from outside."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ptune.errors import ClusterError
from ptune.raytune.authentication import ADVICE, find_token
from ptune.raytune.probe_address import probe_address

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

DEFAULT_ADDRESS = "http://127.0.0.1:8265"
NODES_WITHIN_S = 60.0
"""How long a head that has just started may take until its own node can run a job."""
_SERVER = "RAY_API_SERVER_ADDRESS"
_TALKATIVE = (
    "ray.dashboard.modules.dashboard_sdk",
    "ray.dashboard.modules.job.sdk",
    "ray._private.runtime_env.packaging",
)
_NO_DASHBOARD = "Version check returned 404"


def resolve(address: str | None) -> str:
    """The URL of a dashboard: the one given, or RAY_API_SERVER_ADDRESS, or this machine's."""
    address = address or os.environ.get(_SERVER) or DEFAULT_ADDRESS
    return address if "://" in address else f"http://{address}"


@contextlib.contextmanager
def reaching(address: str | None) -> Iterator[JobSubmissionClient]:
    """A client of a cluster; what goes wrong in the block is told as a ClusterError.

    Raises:
        ClusterError: nothing answers there, what answers is no dashboard, or it refuses this user or what is asked.
    """
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobSubmissionClient

    address = resolve(address)
    if problem := probe_address(address):
        raise ClusterError(
            f"no Ray cluster answers at {address} ({problem}); "
            "start one with `ray start --head`, or name its dashboard with --address http://HOST:8265"
        )
    for module in _TALKATIVE:
        logging.getLogger(module).setLevel(logging.WARNING)
    token = find_token()
    before = os.environ.get(_SERVER)
    os.environ[_SERVER] = address  # Ray prefers its environment variables to the address it is given
    try:
        yield JobSubmissionClient(address, headers={"Authorization": f"Bearer {token}"} if token else None)
    except AuthenticationError as error:
        reason = str(error).strip().splitlines()[0]
        raise ClusterError(f"the Ray cluster at {address} does not let this user in: {reason}; {ADVICE}") from None
    except (OSError, RuntimeError) as error:
        if isinstance(error, ClusterError):
            raise
        if _NO_DASHBOARD in str(error):
            raise ClusterError(
                f"something listens at {address}, and it is no Ray dashboard; "
                "the dashboard's port is 8265 unless `ray start` was told another"
            ) from None
        raise ClusterError(f"the Ray cluster at {address}: {error}") from None
    finally:
        os.environ.pop(_SERVER) if before is None else os.environ.update({_SERVER: before})


def is_this_machine(client: JobSubmissionClient) -> bool:
    """Whether every node of the cluster is this machine, so that it sees this machine's files.

    An address says nothing of that: `kubectl port-forward` brings any cluster to 127.0.0.1.
    """
    until = time.monotonic() + NODES_WITHIN_S
    while not (names := _host_names(client)):  # a head that has just started
        if time.monotonic() > until:
            raise ClusterError(
                f"the cluster has had no node for {NODES_WITHIN_S:.0f} s; see the log of its head's raylet"
            )
        time.sleep(1.0)
    return names == {socket.gethostname()}


def _host_names(client: JobSubmissionClient) -> set[str]:
    answer = client._do_request("GET", "/nodes?view=hostNameList")  # noqa: SLF001 - Ray has no public call for it
    answer.raise_for_status()
    return set(answer.json()["data"]["hostNameList"])
