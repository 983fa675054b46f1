"""`ptune sync`: bring a search's tracker up to date."""

from __future__ import annotations

import click


@click.command(short_help="Send MLflow what it lacks of a search.")
@click.argument("name")
def sync(name: str) -> None:
    """Send MLflow what it lacks of a search, for example after its server was away.

    The command is safe to repeat. It refuses a search whose job says tracking.type = "none".

    \b
    ptune sync quickstart
    """
    from ptune.run.folders import runs_folder
    from ptune.run.search import sync_search

    state = sync_search(name, runs_folder())
    click.echo(f"{name} is up to date in {state.title} at {state.uri}, run {state.run_id}")
