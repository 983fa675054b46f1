"""`ptune stop`: end a Ray job."""

from __future__ import annotations

import click

from ptune.cli.cluster import dashboard_option


@click.command(short_help="Stop a Ray job; its search can be resumed.")
@click.argument("job", metavar="ID")
@dashboard_option
def stop(job: str, address: str | None) -> None:
    """Stop a job on a Ray cluster. ID may also be the name of a search: its last job is meant.

    The job stops as it would after Ctrl-C: it saves its trials, and its search can be resumed.

    \b
    ptune stop quickstart --address http://head:8265
    """
    from ptune.raytune.jobs import stop as ask

    click.echo(f"{job} is stopping" if ask(job, address) else f"{job} was not running")
