"""The Ray jobs of a cluster: list them, follow one, stop it. `ptune.raytune.submission` brings them there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ptune.errors import ClusterError, nearest
from ptune.raytune.dashboard import reaching

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

NAME, RUNS, SEARCHED = "ptune", "ptune.runs", "ptune.searched"
"""What the metadata of a search's job say: its name, its runs folder, and a hash of what it searches."""
QUESTION = "ptune-question-"
"""How the ids of jobs begin that only ask something; no list shows them."""


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
        exit_code: of its process, once that has ended.
    """

    id: str
    name: str | None
    status: str
    message: str | None
    started_at: float | None
    ended_at: float | None
    exit_code: int | None = None

    @property
    def over(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return self.status in ("SUCCEEDED", "FAILED", "STOPPED")


def follow(job: str, write: Callable[[str], Any], address: str | None = None) -> JobInfo:
    """Hand the job's log to `write`, piece by piece as it grows, until the job is over; say how it ended.

    Args:
        job: the job's id, or the name of a search: its last job.
        write: takes the pieces.
        address: the cluster's dashboard, see `ptune.raytune.submission.submit`.

    Raises:
        ClusterError: nothing answers there, or it knows no such job.
    """
    with reaching(address) as client:
        job_id = _id_of(client, job)
        asyncio.run(tail(client, job_id, write))
        return info_of(client.get_job_info(job_id))


def logs(job: str, address: str | None = None) -> str:
    """What the job has written so far.

    Raises:
        ClusterError: nothing answers there, or it knows no such job.
    """
    with reaching(address) as client:
        return str(client.get_job_logs(_id_of(client, job)))


def stop(job: str, address: str | None = None) -> bool:
    """Ask a job to stop, as Ctrl-C does: its search can be resumed. Return at once, whether it was running.

    Raises:
        ClusterError: nothing answers there, or it knows no such job.
    """
    with reaching(address) as client:
        return bool(client.stop_job(_id_of(client, job)))


def jobs(address: str | None = None) -> list[JobInfo]:
    """The jobs the cluster knows, oldest first.

    Raises:
        ClusterError: nothing answers there.
    """
    with reaching(address) as client:
        return [info_of(details) for details in listed(client)]


def jobs_of(client: JobSubmissionClient, labels: Mapping[str, str]) -> list[Any]:
    """The jobs of the search that labels name, oldest first."""
    search = {NAME: labels[NAME], RUNS: labels[RUNS]}
    return [job for job in listed(client) if search.items() <= (job.metadata or {}).items()]


def listed(client: JobSubmissionClient) -> list[Any]:
    """The submitted jobs, oldest first, without those that only ask something."""
    submitted = [job for job in client.list_jobs() if job.submission_id and not job.submission_id.startswith(QUESTION)]
    return sorted(submitted, key=lambda job: job.start_time or 0)


def _id_of(client: JobSubmissionClient, job: str) -> str:
    """The id of a job, or of the last job of a search."""
    known = listed(client)
    names = [(details.metadata or {}).get(NAME) for details in known]
    ids = [details.submission_id for details in known]
    if job in ids:
        return job
    if job in names:
        return str(ids[len(names) - 1 - names[::-1].index(job)])
    raise ClusterError(
        f"the cluster knows no job and no search {job!r}{nearest(job, [*ids, *filter(None, names)])}; see `ptune jobs`"
    )


async def tail(client: JobSubmissionClient, job_id: str, write: Callable[[str], Any]) -> None:
    """Hand a job's log to `write` as it grows, until the job is over."""
    async for piece in client.tail_job_logs(job_id):
        write(piece)


def info_of(details: Any) -> JobInfo:
    """What is told of a job."""
    return JobInfo(
        id=details.submission_id,
        name=(details.metadata or {}).get(NAME),
        status=str(details.status.value),
        message=details.message,
        started_at=_seconds(details.start_time),
        ended_at=_seconds(details.end_time),
        exit_code=details.driver_exit_code,
    )


def _seconds(milliseconds: int | None) -> float | None:
    return milliseconds / 1000 if milliseconds else None
