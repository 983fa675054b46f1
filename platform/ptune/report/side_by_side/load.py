"""Searches side by side, from the runs folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ptune.errors import JournalError, SpecError
from ptune.record.history import History
from ptune.record.journal import JOURNAL, read
from ptune.report.findings import Findings, of_folder
from ptune.report.side_by_side.together import SideBySide, side_by_side
from ptune.run.folders import is_running, search_folder

_LONGEST = 120  # characters of a file's name


def side_by_side_of(names: Sequence[str], runs: Path) -> SideBySide:
    """The named searches side by side.

    Raises:
        SpecError: fewer than two are named, or one twice.
        NotFoundError: there is no such search, the message has the nearest name.
        JournalError: it was stopped before it began.
    """
    if len(names) < 2:
        raise SpecError(f"compare needs two searches or more, got {' '.join(names)}")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SpecError(f"{twice} is named twice; compare needs different searches")
    return side_by_side([_read(name, search_folder(runs, name)) for name in names])


def page_file(names: Sequence[str], runs: Path) -> Path:
    """The file of their page in the runs folder."""
    return runs / f"{'-vs-'.join(names)[:_LONGEST]}.html"


def _read(name: str, folder: Path) -> tuple[Findings, History]:
    running = is_running(folder)
    history = History.of(read(folder / JOURNAL))
    if history.first is None:
        raise JournalError(f"{name} was stopped before its first step; there is nothing to compare")
    return of_folder(folder, history, running=running), history
