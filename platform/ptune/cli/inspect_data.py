"""`ptune inspect-data`: what a data file may be for, as the tables that a job needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptune.report.said import say
from ptune.spec.task import METRICS

if TYPE_CHECKING:
    from ptune.data.proposal import Proposal

KINDS = tuple(METRICS)


@click.command("inspect-data", short_help="Propose the task of a data file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--task", "kind", type=click.Choice(KINDS), metavar="KIND", help=f"For {', '.join(KINDS)}.  [default: a guess]"
)
def inspect_data(file: Path, kind: str | None) -> int:
    """Read a file that ptune has never seen, and print the tables [task] and [task.data] of a job for it.

    The file is csv, tsv, jsonl, json, parquet or conll, and may be compressed. What is guessed stands in comments. The
    proposal is tried: if the data cannot be loaded so, the exit code is 2, and the problem is said.

    \b
    ptune inspect-data reviews.csv
    ptune inspect-data words.tsv --task tokens >> jobs/words.toml
    """
    from ptune.data.proposal import propose
    from ptune.report.proposed import task_tables

    proposal = propose(file, kind)
    say(task_tables(proposal), nl=False)
    return _tried(proposal)


def _tried(proposal: Proposal) -> int:
    """Load the data as proposed; say what is wrong."""
    from pydantic import TypeAdapter

    from ptune.data.sources import load_splits
    from ptune.errors import DataError
    from ptune.spec.task import Task

    task: Task = TypeAdapter(Task).validate_python({"kind": proposal.kind, "data": dict(proposal.keys)})
    try:
        splits = load_splits(task.data, 0)
    except DataError as error:
        say(f"ptune: {error}", err=True)
        return 2
    for note in [note for note in splits.notes if note not in proposal.notes]:
        say(f"ptune: {note}", err=True)
    return 0
