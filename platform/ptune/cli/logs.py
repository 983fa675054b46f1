"""`ptune logs`: what a Ray job has written."""

from __future__ import annotations

import click

from ptune.cli.cluster import dashboard_option, watch
from ptune.report.said import say


@click.command(short_help="Show the log of a Ray job.")
@click.argument("job", metavar="ID")
@dashboard_option
@click.option("--follow", is_flag=True, help="Follow the log until the job ends.")
def logs(job: str, address: str | None, follow: bool) -> int:
    """Show the log of a job on a Ray cluster. ID may also be the name of a search: its last job is meant.

    \b
    ptune logs quickstart
    ptune logs quickstart --follow --address http://head:8265
    """
    if follow:
        return watch(job, address)
    from ptune.raytune.jobs import logs as written

    say(written(job, address), nl=False)
    return 0
