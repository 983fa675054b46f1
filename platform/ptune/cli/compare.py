"""`ptune compare`: searches side by side."""

from __future__ import annotations

from pathlib import Path

import click

from ptune.report.said import say, say_json


@click.command(short_help="Set searches side by side.")
@click.argument("names", nargs=-1, required=True, metavar="NAME NAME...")
@click.option(
    "--html", "html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="File of the page."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def compare(names: tuple[str, ...], html: Path | None, as_json: bool) -> None:
    """Compare searches: their best, what repeats on fresh seeds, their leaderboards, and what differs in their jobs.

    It says what makes the comparison unfair, such as other dev data or a lead within the standard error. Searches with
    different metrics or other dev examples are not ranked. It also writes a page, to A-vs-B.html in the runs folder
    unless --html names another file.

    \b
    ptune compare quickstart quickstart-2
    ptune compare quickstart quickstart-2 --html both.html
    ptune compare quickstart quickstart-2 --json
    """
    from ptune.files import write_text
    from ptune.report.console import console_on
    from ptune.report.side_by_side.load import page_file, side_by_side_of
    from ptune.report.side_by_side.page import page
    from ptune.report.side_by_side.printed import printed
    from ptune.report.summary import shown
    from ptune.run.folders import runs_folder

    content = side_by_side_of(names, runs_folder())
    target = html or page_file(names, runs_folder())
    write_text(target, page(content))
    if as_json:
        say_json({**content.to_json(), "page": str(target)})
        return
    console_on().print(printed(content))
    say(f"  written to {shown(target)}")
