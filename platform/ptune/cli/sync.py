"""`ptune sync`: bring MLflow up to date with a search."""

from __future__ import annotations

import click


@click.command(short_help="Send MLflow what it lacks of a search.")
@click.argument("name")
def sync(name: str) -> None:
    """Send MLflow what it lacks of a search, for example after its server was away.

    The command is safe to repeat.

    \b
    ptune sync quickstart
    """
    from ptune.run.search import runs_folder, sync_search

    uri, run_id = sync_search(name, runs_folder())
    click.echo(f"{name} is up to date in MLflow at {uri}, run {run_id}")
