"""`ptune stop`: interrupt a search, wherever it runs."""

from __future__ import annotations

import os

import click

from ptune.cli.asking import told, waiting_for
from ptune.cli.cluster import dashboard_option
from ptune.report.said import say


@click.command(short_help="Stop a search; it can be resumed.")
@click.argument("name", metavar="NAME")
@dashboard_option
def stop(name: str, address: str | None) -> None:
    """Stop the search NAME of the runs folder. It ends as after Ctrl-C: its trials are saved, and it can be resumed.

    With --address, or if the runs folder has no such search, the last Ray job of that search is stopped in the same
    way. NAME may also be the id of a Ray job, as `ptune jobs` lists them.

    \b
    ptune stop quickstart
    ptune stop quickstart --address http://head:8265
    """
    from ptune.record.journal import JOURNAL
    from ptune.run.folders import bring_search, runs_folder, search_folder

    folder = runs_folder() / name
    if address is None:
        bring_search(folder)
    if address is None and (folder / JOURNAL).exists():
        from ptune.record.requests import End
        from ptune.run.asking import ask

        for line in told(name, ask(folder, End(), waiting_for)):
            say(line)
        return
    from ptune.errors import ClusterError
    from ptune.raytune.jobs import stop as ask_cluster

    try:
        ran = ask_cluster(name, address)
    except ClusterError:
        if address is None and "RAY_API_SERVER_ADDRESS" not in os.environ:
            search_folder(runs_folder(), name)  # says which searches there are: no cluster was meant
        raise
    say(f"{name} is stopping" if ran else f"{name} was not running")
