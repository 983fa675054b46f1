"""ptune jobs as Ray jobs: submit one to a running cluster, follow it, stop it.

What travels is one job file with everything inside. Data, backbone and the runs folder are named by absolute
paths, which the cluster's nodes must share; ptune itself must be installed there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ptune.errors import ClusterError
from ptune.raytune.authentication import ADVICE, find_token
from ptune.raytune.probe_address import probe_address
from ptune.spec.job import Job
from ptune.spec.overrides import noted
from ptune.spec.write import job_toml

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

DEFAULT_ADDRESS = "http://127.0.0.1:8265"
_SERVER = "RAY_API_SERVER_ADDRESS"
_NO_AGENT = "No available agent"
_NO_DASHBOARD = "Version check returned 404"
_AGENT_WITHIN_S = 60.0
_STOP = {"RAY_JOB_STOP_SIGNAL": "SIGINT", "RAY_JOB_STOP_WAIT_TIME_S": "60"}  # time to leave the search resumable


@dataclass(frozen=True)
class JobInfo:
    """A Ray job as the cluster knows it.

    Attributes:
        id: what `follow`, `logs` and `stop` take.
        name: the search's name; None for jobs that ptune did not submit.
        status: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED.
        message: what the cluster says about the status.
        started_at: seconds since 1970.
        ended_at: seconds since 1970.
    """

    id: str
    name: str | None
    status: str
    message: str | None
    started_at: float | None
    ended_at: float | None

    @property
    def over(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return self.status in ("SUCCEEDED", "FAILED", "STOPPED")


def submit(job: Job, runs: Path | None, address: str | None = None, overrides: Sequence[str] = ()) -> str:
    """Submit a job to a cluster and return its id at once.

    Args:
        job: the job, with absolute paths, as `ptune.spec.load.load_job` returns it.
        runs: the runs folder on storage that the cluster's nodes share. May be None on this machine, where it is
            `ptune_runs` in the working directory.
        address: the cluster's dashboard, `http://HOST:8265`; None is RAY_API_SERVER_ADDRESS, else this machine's.
        overrides: settings that the job holds in place of its file's; noted in the text that travels.

    Raises:
        ClusterError: nothing answers there, it refuses the job, or the runs folder must be named.
    """
    address = _resolve(address)
    on_this_machine = urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")
    if runs is None and not on_this_machine:
        raise ClusterError(
            f"set PTUNE_RUNS to a folder that every node of the cluster at {address} shares: "
            "the search's journal, states and artifact are kept there"
        )
    folder = (runs or Path("ptune_runs")).resolve()
    with _reaching(address) as client, tempfile.TemporaryDirectory(prefix="ptune-job-") as upload:
        (Path(upload) / "job.toml").write_text(job_toml(job) + noted(overrides), encoding="utf-8")
        return _submitted(
            client,
            entrypoint=f'exec "{_python(on_this_machine)}" -m ptune search job.toml --json',
            runtime_env={"working_dir": upload, "env_vars": {**_STOP, **_tracking(), "PTUNE_RUNS": str(folder)}},
            metadata={"ptune": job.name},
        )


def follow(job_id: str, write: Callable[[str], Any], address: str | None = None) -> JobInfo:
    """Hand the job's log to `write`, piece by piece as it grows, until the job is over; say how it ended.

    Raises:
        ClusterError: nothing answers there, or it knows no such job.
    """
    with _reaching(_resolve(address)) as client:
        asyncio.run(_tail(client, job_id, write))
        return _info(client.get_job_info(job_id))


def logs(job_id: str, address: str | None = None) -> str:
    """What the job has written so far.

    Raises:
        ClusterError: nothing answers there, or it knows no such job.
    """
    with _reaching(_resolve(address)) as client:
        return str(client.get_job_logs(job_id))


def stop(job_id: str, address: str | None = None) -> bool:
    """Ask a job to stop, as Ctrl-C does: its search can be resumed. Return at once, whether it was running.

    Raises:
        ClusterError: nothing answers there, or it knows no such job.
    """
    with _reaching(_resolve(address)) as client:
        return bool(client.stop_job(job_id))


def jobs(address: str | None = None) -> list[JobInfo]:
    """The jobs the cluster knows, oldest first.

    Raises:
        ClusterError: nothing answers there.
    """
    with _reaching(_resolve(address)) as client:
        jobs = [_info(details) for details in client.list_jobs() if details.submission_id]
    return sorted(jobs, key=lambda job: job.started_at or 0.0)


def _submitted(client: JobSubmissionClient, **request: Any) -> str:
    """Submit a job and return its id; a head that has just started needs a while before it takes one."""
    until = time.monotonic() + _AGENT_WITHIN_S
    while True:
        try:
            return str(client.submit_job(**request))
        except RuntimeError as error:
            if _NO_AGENT not in str(error) or time.monotonic() > until:
                raise
        time.sleep(1.0)


async def _tail(client: JobSubmissionClient, job_id: str, write: Callable[[str], Any]) -> None:
    async for piece in client.tail_job_logs(job_id):
        write(piece)


def _info(details: Any) -> JobInfo:
    seconds = [moment / 1000 if moment else None for moment in (details.start_time, details.end_time)]
    name = (details.metadata or {}).get("ptune")
    return JobInfo(details.submission_id, name, str(details.status.value), details.message, *seconds)


def _resolve(address: str | None) -> str:
    address = address or os.environ.get(_SERVER) or DEFAULT_ADDRESS
    return address if "://" in address else f"http://{address}"


@contextlib.contextmanager
def _reaching(address: str) -> Iterator[JobSubmissionClient]:
    """A client of the cluster at `address`; what goes wrong in the block is told as a ClusterError."""
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobSubmissionClient

    if problem := probe_address(address):
        raise ClusterError(
            f"no Ray cluster answers at {address} ({problem}); "
            "start one with `ray start --head`, or name its dashboard with --address http://HOST:8265"
        )
    token = find_token()
    before = os.environ.get(_SERVER)
    os.environ[_SERVER] = address  # Ray prefers its environment variables to the address it is given
    try:
        yield JobSubmissionClient(address, headers={"Authorization": f"Bearer {token}"} if token else None)
    except AuthenticationError as error:
        reason = str(error).strip().splitlines()[0]
        raise ClusterError(f"the Ray cluster at {address} does not let this user in: {reason}; {ADVICE}") from None
    except (OSError, RuntimeError) as error:
        if _NO_DASHBOARD in str(error):
            raise ClusterError(
                f"something listens at {address}, and it is no Ray dashboard; "
                "the dashboard's port is 8265 unless `ray start` was told another"
            ) from None
        raise ClusterError(f"the Ray cluster at {address}: {error}") from None
    finally:
        os.environ.pop(_SERVER) if before is None else os.environ.update({_SERVER: before})


def _tracking() -> dict[str, str]:
    """Where MLflow is, if this environment says so: the job's own process has another environment."""
    return {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_TRACKING_")}


def _python(on_this_machine: bool) -> str:
    """A job's interpreter, as shell text: this one, if the cluster has the same environment, else the cluster's."""
    this = [sys.executable] if on_this_machine or sys.prefix != sys.base_prefix else []
    return "$(" + " || ".join(f"command -v {shlex.quote(name)}" for name in (*this, "python", "python3")) + ")"
