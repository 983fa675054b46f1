"""A journal in a bucket: segments, numbered from 1, that never change. One after the other they are the journal.

Segments are created exclusively. Of two processes that write one search, the second to come with a number loses, so
that no segment ever follows one that its writer has not seen. The copy on this machine begins with the segments that
it is known to hold; what its journal has beyond them has not been sent.
"""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from ptune.files import write_json
from ptune.record.journal import JOURNAL
from ptune.storage.bucket import Bucket

_FOLDER = "journal"
_KNOWN = ".segments.json"
TRIALS = "trials"
"""The folder of the trials' states in a search's folder."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """What a copy's journal is known to begin with."""

    count: int
    """Segments."""
    size: int
    """Their bytes."""

    @staticmethod
    def of(folder: Path) -> Known:
        """What is known of a search's folder."""
        path = folder / _KNOWN
        return Known(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else Known(0, 0)

    def after(self, segment: bytes) -> Known:
        """With one segment more."""
        return Known(self.count + 1, self.size + len(segment))

    def note(self, folder: Path) -> None:
        """Keep it in a search's folder."""
        write_json(folder / _KNOWN, asdict(self))


def segment_name(number: int) -> str:
    """The object that holds a segment."""
    return f"{_FOLDER}/{number:08d}.jsonl"


def has_journal(bucket: Bucket) -> bool:
    """Whether a search's bucket has a first segment."""
    return bucket.get(segment_name(1)) is not None


def bring_journal(bucket: Bucket, folder: Path) -> bool:
    """Bring the segments of a search that its copy lacks; whether the bucket has any.

    A journal that a process of this machine writes is left as it is. A copy whose events never reached the bucket gives
    way, where another machine has gone on with the search.
    """
    sizes, known = sorted(bucket.sizes(_FOLDER).items()), Known.of(folder)
    if not sizes:
        if known.count:  # the bucket has lost the search, and gets it again from whoever goes on with it
            Known(0, 0).note(folder)
        return False
    same = known.count <= len(sizes) and sum(size for _, size in sizes[: known.count]) == known.size
    if not same:
        known = Known(0, 0)
    segments = [bucket.get(f"{_FOLDER}/{name}") or b"" for name, _ in sizes[known.count :]]
    if segments:
        _take_in(folder, known, segments)
    return True


def _take_in(folder: Path, known: Known, segments: list[bytes]) -> None:
    """Let a copy's journal go on behind what is known with the bucket's segments."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / JOURNAL
    with path.open("a+b") as journal:
        try:
            fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        journal.seek(known.size)
        unsent = journal.read()
        content = b"".join(segments)
        if not unsent.startswith(content):
            if not content.startswith(unsent):
                aside = path.with_name(f"{path.name}.unsent-{int(time.time())}")
                aside.write_bytes(unsent)
                shutil.rmtree(folder / TRIALS, ignore_errors=True)
                _LOG.warning("ptune: %s has gone on elsewhere; what only this machine had is in %s", folder.name, aside)
            journal.truncate(known.size)
            journal.write(content)
    for segment in segments:
        known = known.after(segment)
    known.note(folder)
