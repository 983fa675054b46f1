"""What trials inherit from others, kept in the search's folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ptune.record.history import TrialRecord
from ptune.searching.parents import Keep


def keeper(folder: Path) -> Keep:
    """What keeps the start of a trial in a search's folder, and in its bucket if it has one."""
    return partial(_keep, folder)


def _keep(folder: Path, parent: TrialRecord, trial: int) -> None:
    from ptune.run.warm import keep_start  # imported here: it imports torch, which most drivers on Ray never do

    keep_start(folder, parent, trial)
