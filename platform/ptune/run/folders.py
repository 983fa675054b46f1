"""Where searches live: a folder for each in the runs folder, which may be this machine's copy of a bucket."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ptune.errors import BucketError, JournalError, NotFoundError, nearest
from ptune.record.journal import JOURNAL
from ptune.record.journal import is_running as journal_is_written
from ptune.storage.bucket import Bucket
from ptune.storage.drivers import Driver, bring_driver, claim, runs_elsewhere
from ptune.storage.local_copy import bucket_of, local_copy, url_of
from ptune.storage.location import checked_url, is_url
from ptune.storage.requests import bring_requests
from ptune.storage.results import bring_results
from ptune.storage.segments import bring_journal

JOB = "job.json"
"""Name of the job that runs in its search's folder."""
_LISTED = 5  # searches that a message lists
_TOGETHER = 16  # journals that are brought at a time
_LOG = logging.getLogger(__name__)


def runs_folder(named: str | None = None) -> Path:
    """The runs folder; of a URL, this machine's copy of it.

    Args:
        named: a path or a URL; None is `PTUNE_RUNS`, or `ptune_runs` in the working directory.

    Raises:
        SpecError: nothing can be kept at the URL, or its package is not installed.
    """
    named = named or os.environ.get("PTUNE_RUNS") or "ptune_runs"
    return local_copy(checked_url(named)) if is_url(named) else Path(named).resolve()


def check_runs(runs: Path) -> None:
    """Find out whether a search can be kept in a runs folder's bucket, if it has one.

    Raises:
        BucketError: it cannot be reached, read or written.
    """
    bucket = bucket_of(runs)
    if bucket is not None and not bucket.check():
        _LOG.warning("ptune: %s does not tell two writers apart: let one process at a time run a search", bucket.url)


def claim_folder(runs: Path, name: str) -> Path:
    """Make the folder of a new search: the name's own, or `name-2`, `name-3`, ... when that exists."""
    runs.mkdir(parents=True, exist_ok=True)
    bucket = bucket_of(runs)
    for number in itertools.count(1):
        folder = runs / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()  # in one step, so that of two searches started together each has its own
            if bucket is None or claim(bucket.folder(folder.name), Driver.here()):
                return folder
            folder.rmdir()
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
    if (bucket := bucket_of(folder)) is not None:
        claim(bucket, Driver.here())  # of two that come together, one loses when it writes its first event
    return folder


def search_folder(runs: Path, name: str) -> Path:
    """The folder of an existing search, with everything that its bucket has of it, if it is kept in one.

    Raises:
        NotFoundError: there is none of that name; the message has the nearest, and the latest few.
        BucketError: the bucket cannot be reached, and this machine has nothing of the search.
    """
    folder = runs / name
    bring_search(folder)
    if not (folder / JOURNAL).exists():
        bring_journals(runs)
        journals = sorted(runs.glob(f"*/{JOURNAL}"), key=lambda path: path.lstat().st_mtime, reverse=True)
        names = [path.parent.name for path in journals]
        unlisted = f" and {len(names) - _LISTED} more, see `ptune list`" if len(names) > _LISTED else ""
        searches = f"the latest: {', '.join(names[:_LISTED])}{unlisted}" if names else "there is none"
        raise NotFoundError(f"no search named {name!r} in {url_of(runs) or runs}{nearest(name, names)} ({searches})")
    return folder


def bring_journals(runs: Path) -> None:
    """Bring the journals of all searches from a runs folder's bucket, if it has one.

    Raises:
        BucketError: it cannot be reached.
    """
    bucket = bucket_of(runs)
    if bucket is not None:
        with ThreadPoolExecutor(_TOGETHER, "ptune-journals") as threads:
            list(threads.map(lambda name: _bring_journal(bucket.folder(name), runs / name), bucket.folders()))


def is_running(folder: Path) -> bool:
    """Whether a process runs a search; of other machines', whether one did a moment before the search was brought."""
    return journal_is_written(folder / JOURNAL) or runs_elsewhere(folder)


def _bring_journal(bucket: Bucket, folder: Path) -> bool:
    brought = bring_journal(bucket, folder)
    if brought:
        bring_driver(bucket, folder)
    return brought


def bring_search(folder: Path) -> None:
    """Bring what a search's bucket has beyond this machine's copy of it, if it is kept in one.

    Raises:
        BucketError: the bucket cannot be reached, and this machine has nothing of the search.
    """
    bucket = bucket_of(folder)
    if bucket is None:
        return
    try:
        if _bring_journal(bucket, folder):
            bring_results(bucket, folder)
            bring_requests(bucket, folder)
    except BucketError as error:
        if not (folder / JOURNAL).exists():
            raise
        _LOG.warning("ptune: %s; what this machine has of %s may be old", error, folder.name)
