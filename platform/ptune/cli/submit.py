"""`ptune submit`: run a job on a Ray cluster that is running elsewhere."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from ptune.cli.cluster import dashboard_option, watch


@click.command(short_help="Run a job as a Ray job on a cluster.")
@click.argument("job", type=click.Path(path_type=Path))
@dashboard_option
@click.option(
    "--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Replace a value of the job. May be repeated."
)
@click.option("--name", help="Name of the search. The default is the job's name.")
@click.option("--follow/--no-follow", default=True, show_default=True, help="Show the job's log until it ends.")
def submit(job: Path, address: str | None, overrides: tuple[str, ...], name: str | None, follow: bool) -> int:
    """Submit a job to a running Ray cluster and follow its log.

    Install ptune on the cluster first. Data files and $PTUNE_RUNS must lie on storage that all nodes share. The
    command prints the job's id first. Ctrl-C stops following the log, and the job goes on.

    \b
    ptune submit jobs/quickstart.toml --address http://head:8265
    ptune submit jobs/quickstart.toml --no-follow
    """
    from ptune.checks.file import checked_job
    from ptune.raytune import jobs

    if name is not None:
        overrides = (*overrides, f"name={json.dumps(name)}")
    runs = os.environ.get("PTUNE_RUNS")
    job_id = jobs.submit(checked_job(job, overrides), Path(runs) if runs else None, address, overrides)
    if not follow:
        click.echo(job_id)
        return 0
    click.echo(f"ptune: submitted as {job_id}", err=True)
    return watch(job_id, address)
