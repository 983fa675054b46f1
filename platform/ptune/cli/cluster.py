"""What the commands about Ray jobs share: where the cluster is, and how a job's end becomes an exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ptune.cli.exits import FAILED, INTERRUPTED
from ptune.report.said import say

if TYPE_CHECKING:
    from ptune.raytune.jobs import JobInfo
    from ptune.raytune.submission import Submitted

_LOG = ", last available logs"
dashboard_option = click.option(
    "--address",
    metavar="URL",
    help="Dashboard of the cluster, http://HOST:8265. The default is $RAY_API_SERVER_ADDRESS, or this machine.",
)


def is_dashboard(address: str) -> bool:
    """Whether an address is a dashboard's, where jobs are submitted, and not a head's, which drivers connect to."""
    return address.startswith(("http://", "https://"))


def show(submitted: Submitted, address: str | None, *, follow: bool) -> int:
    """Say what became of a submission, and follow the job if that is wanted; return the exit code."""
    if not follow:
        say(submitted.id)
        return 0
    say(f"ptune: {'runs already' if submitted.known else 'submitted'} as {submitted.id}", err=True)
    return watch(submitted.id, address)


def watch(job_id: str, address: str | None) -> int:
    """Write a job's log as it grows, until the job is over; return the exit code. Ctrl-C ends the watching alone."""
    from ptune.raytune.jobs import follow

    try:
        info = follow(job_id, lambda piece: say(piece, nl=False), address)
    except KeyboardInterrupt:
        arguments = f"{job_id} --address {address}" if address else job_id
        say(f"ptune: the job goes on; `ptune logs {arguments}` shows it, `ptune stop {arguments}` ends it", err=True)
        raise
    return report_end(info)


def report_end(info: JobInfo) -> int:
    """Say how a job ended, without the log that Ray repeats; return the exit code of its search."""
    say(f"ptune: job {info.id}: {info.status.lower()}", err=True)
    if info.status == "FAILED" and info.message:
        say(f"ptune: {info.message.partition(_LOG)[0].strip()}", err=True)
    return {"SUCCEEDED": 0, "STOPPED": INTERRUPTED}.get(info.status, info.exit_code or FAILED)
