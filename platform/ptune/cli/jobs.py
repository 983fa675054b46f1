"""`ptune jobs`: the Ray jobs of a cluster."""

from __future__ import annotations

import time
from dataclasses import asdict

import click

from ptune.cli.cluster import dashboard_option
from ptune.report.said import say, say_json


@click.command(short_help="List the jobs of a Ray cluster.")
@dashboard_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def jobs(address: str | None, as_json: bool) -> None:
    """List the jobs of a Ray cluster, the oldest first.

    \b
    ptune jobs --address http://head:8265
    """
    from ptune.raytune.jobs import jobs as jobs_at
    from ptune.record.wording import NONE
    from ptune.report.wording import duration

    ray_jobs = jobs_at(address)
    if as_json:
        say_json({"jobs": [asdict(job) for job in ray_jobs]})
        return
    if not ray_jobs:
        say("no jobs; submit one with `ptune submit JOB`")
    for job in ray_jobs:
        ran = duration((job.ended_at or time.time()) - job.started_at) if job.started_at else NONE
        say(f"{job.id}  {job.status.lower():<10}  {ran:>8}  {job.name or NONE}")
