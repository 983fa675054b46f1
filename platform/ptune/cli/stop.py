"""`ptune stop`: end a Ray job."""

from __future__ import annotations

import click

from ptune.cli.cluster import dashboard_option


@click.command(short_help="Stop a Ray job; its search can be resumed.")
@click.argument("job_id", metavar="ID")
@dashboard_option
def stop(job_id: str, address: str | None) -> None:
    """Stop a job on a Ray cluster.

    The job stops as it would after Ctrl-C: it saves its trials, and its search can be resumed.

    \b
    ptune stop raysubmit_AbCdEf --address http://head:8265
    """
    from ptune.raytune.jobs import stop as ask

    click.echo(f"{job_id} is stopping" if ask(job_id, address) else f"{job_id} was not running")
