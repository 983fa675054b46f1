"""Where searches live: a folder for each in the runs folder."""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

from ptune.errors import JournalError, nearest
from ptune.record.journal import JOURNAL

JOB = "job.json"
"""Name of the job that runs in its search's folder."""
_LISTED = 5  # searches that a message lists


def runs_folder() -> Path:
    """The runs folder: `PTUNE_RUNS`, or `ptune_runs` in the working directory."""
    return Path(os.environ.get("PTUNE_RUNS", "ptune_runs")).resolve()


def claim_folder(runs: Path, name: str) -> Path:
    """Make the folder of a new search: the name's own, or `name-2`, `name-3`, ... when that exists."""
    runs.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        folder = runs / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()  # in one step, so that of two searches started together each has its own
            return folder
    raise AssertionError("counting does not end")


def take_folder(runs: Path, name: str) -> Path:
    """Make the folder of a new search under this name alone, or take one in which a search was stopped before it began.

    Raises:
        JournalError: the folder holds something else.
    """
    folder = runs / name
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / JOURNAL).exists() and any(folder.iterdir()):
        raise JournalError(f"{folder} exists and holds no search; remove it, or give the search another --name")
    return folder


def search_folder(runs: Path, name: str) -> Path:
    """The folder of an existing search.

    Raises:
        JournalError: there is none of that name; the message has the nearest, and the latest few.
    """
    folder = runs / name
    if not (folder / JOURNAL).exists():
        journals = sorted(runs.glob(f"*/{JOURNAL}"), key=lambda path: path.lstat().st_mtime, reverse=True)
        names = [path.parent.name for path in journals]
        unlisted = f" and {len(names) - _LISTED} more, see `ptune list`" if len(names) > _LISTED else ""
        searches = f"the latest: {', '.join(names[:_LISTED])}{unlisted}" if names else "there is none"
        raise JournalError(f"no search named {name!r} in {runs}{nearest(name, names)} ({searches})")
    return folder
