"""`ptune inspect`: what an exported prompt is, where it comes from, and whether its files are whole."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptune.cli.exits import FAILED
from ptune.report.said import say_json
from ptune.spec.prompt_uri import HUB
from ptune.spec.tracking import is_in_mlflow

if TYPE_CHECKING:
    from ptune.record.events import Header


@click.command(short_help="Say what an exported prompt is, and whether its files are whole.")
@click.argument("source", metavar="NAME")
@click.option("--backbone", metavar="DIR", help="Where the backbone is, if it has moved since the training.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def inspect(source: str, backbone: str | None, as_json: bool) -> int:
    """Print what a prompt is, where it comes from, its scores, and the formats that can hold it.

    NAME is the folder of an artifact, a search, a run or a model of MLflow (runs:/RUN_ID), or a prompt on the Hub
    (hub:ORG/NAME). The files are compared with their checksums; the exit code is 1 if any differs. Of prompts whose
    vectors stand among words, the ordinary words nearest to each vector are named, if the backbone is on this machine.

    \b
    ptune inspect quickstart
    ptune inspect my-prompt --json
    """
    from ptune.api.inspect import folder_of
    from ptune.artifacts.inspection import inspect, words_near

    with folder_of(source) as folder:
        inspection = inspect(folder)
        words, header = words_near(inspection, backbone), _header(folder)
    if as_json:
        begun = asdict(header.origin) if header is not None and header.origin is not None else None
        say_json({**inspection.to_json(), "origin": begun, "words": asdict(words)})
    else:
        from ptune.report.console import console_on
        from ptune.report.inspected import inspected

        name = source if is_in_mlflow(source) or source.startswith(HUB) else None
        console_on().print(inspected(inspection, words, header, name), highlight=False)
    return FAILED if inspection.damage else 0


def _header(folder: Path) -> Header | None:
    """The first event of the search in whose folder an artifact lies; None elsewhere."""
    from ptune.record.events import Header
    from ptune.record.journal import JOURNAL, Reader

    journal = folder.absolute().parent / JOURNAL
    first = next(iter(Reader(journal)), None) if journal.is_file() else None
    return first if isinstance(first, Header) else None
