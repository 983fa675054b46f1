"""A proposal for a task as the text of a job: tables of TOML, with what was noticed as comments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ptune.data.proposal import Proposal
from ptune.report.said import one_line
from ptune.report.wording import plural
from ptune.spec.write import toml_value

_SPLITS = ("train", "dev", "test")
_COLUMNS = 12


def task_tables(proposal: Proposal, folder: Path | None = None) -> str:
    """The tables `[task]` and `[task.data]`.

    Args:
        proposal: what was guessed.
        folder: the folder of the job that they are for, to which its files become relative; None leaves them.
    """
    return "\n".join(_lines(proposal, folder)) + "\n"


def _lines(proposal: Proposal, folder: Path | None) -> Iterator[str]:
    named = ", ".join(proposal.columns[:_COLUMNS]) + (", ..." if len(proposal.columns) > _COLUMNS else "")
    yield one_line(f"# {plural(proposal.rows, 'row')} with the columns {named}")
    yield from (one_line(f"# {note}") for note in proposal.notes)
    yield from ("[task]", f"kind = {toml_value(proposal.kind)}", "", "[task.data]")
    for key, value in proposal.keys.items():
        written = os.path.relpath(value, folder) if folder is not None and key in _SPLITS else value
        yield f"{key} = {toml_value(written)}"
