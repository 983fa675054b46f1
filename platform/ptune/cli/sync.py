"""`ptune sync`: bring a search's tracker up to date."""

from __future__ import annotations

import click

from ptune.report.said import say


@click.command(short_help="Send MLflow what it lacks of a search.")
@click.argument("name")
@click.option(
    "--register-as", metavar="MODEL", help="Make the best prompt a version of this registered model of MLflow."
)
def sync(name: str, register_as: str | None) -> None:
    """Send MLflow what it lacks of a search, for example after its server was away.

    Where PTUNE_RUNS is a URL, the bucket gets what it lacks as well. The command is safe to repeat. It
    refuses a search whose job says tracking.type = "none".

    \b
    ptune sync quickstart
    ptune sync quickstart --register-as triage
    """
    from ptune.run.folders import runs_folder
    from ptune.run.sync import sync_search
    from ptune.storage.local_copy import url_of

    runs = runs_folder()
    state = sync_search(name, runs, register_as)
    if state is not None:
        say(f"{name} is up to date in {state.title} at {state.uri}, run {state.run_id}")
    if (url := url_of(runs / name)) is not None:
        say(f"{name} is kept in {url}")
