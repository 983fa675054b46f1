"""`ptune report`: a search beside its published numbers."""

from __future__ import annotations

import click

from ptune.report.said import say, say_json


@click.command(short_help="Compare a search with published numbers.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def report(name: str, as_json: bool) -> None:
    """Print the results of a search, and write them to report.html and report.json in its folder.

    The report compares the results with the numbers published for the job, and notes where the protocols differ.
    It also works while the search runs.

    \b
    ptune report quickstart
    ptune report quickstart --json
    """
    from ptune.errors import JournalError
    from ptune.record.history import History
    from ptune.record.journal import JOURNAL, read
    from ptune.report.console import console_on
    from ptune.report.diagnosed import print_diagnosed
    from ptune.report.findings import of_folder
    from ptune.report.printed import printed
    from ptune.report.summary import shown
    from ptune.report.write_files import PAGE, write_report
    from ptune.run.folders import is_running, runs_folder, search_folder

    folder = search_folder(runs_folder(), name)
    running = is_running(folder)
    history = History.of(read(folder / JOURNAL))
    if history.first is None:
        raise JournalError(f"{name} was stopped before its first step; there is nothing to report")
    report = of_folder(folder, history, running=running)
    write_report(folder, history, report)
    if as_json:
        say_json(report.to_json())
        return
    console = console_on()
    console.print(printed(report, history, console.width))
    print_diagnosed(console, report.diagnoses)
    say(f"  written to {shown(folder / PAGE)}")
