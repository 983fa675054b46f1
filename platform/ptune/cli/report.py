"""`ptune report`: a search beside its published numbers."""

from __future__ import annotations

import json

import click


@click.command(short_help="Report a search, beside its published numbers.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def report(name: str, as_json: bool) -> None:
    """Print what a search has come to, and write it as report.html and report.json into its folder.

    Works while the search runs, too. Numbers published about the job stand beside the search's own, with notes where
    the protocols differ.

    \b
    ptune report quickstart
    ptune report quickstart --json
    """
    from rich.console import Console

    from ptune.cli.listing import is_running
    from ptune.errors import JournalError
    from ptune.history import History
    from ptune.journal import JOURNAL, read
    from ptune.report.findings import of_folder
    from ptune.report.printed import printed
    from ptune.report.publish import PAGE, write_report
    from ptune.report.screen import WIDEST
    from ptune.report.summary import shown
    from ptune.run.search import runs_folder, search_folder

    folder = search_folder(runs_folder(), name)
    running = is_running(folder / JOURNAL)
    history = History.of(read(folder / JOURNAL))
    if not history.header:
        raise JournalError(f"{name} was stopped before its first step; there is nothing to report")
    about = of_folder(folder, history, running=running)
    write_report(folder, history, about)
    if as_json:
        click.echo(json.dumps(about, ensure_ascii=False))
        return
    console = Console()
    if not console.is_terminal or console.width > WIDEST:
        console = Console(width=WIDEST)
    console.print(printed(about, history, console.width))
    click.echo(f"  written to {shown(folder / PAGE)}")
