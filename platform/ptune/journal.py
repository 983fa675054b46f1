"""The journal: the append-only record of a search, and its one source of truth.

One JSON object per line. The Optuna study, the rungs and the MLflow runs are projections of it and can be rebuilt
from it. A file cut at any byte is readable: a torn last line is dropped by readers and removed by the next writer.
One process writes; any number read. Knows the events, not who reacts to them.

    search     job, space, versions               first line: what is being searched
    suggested  trial, config                      a configuration was chosen
    started    trial, epoch                       a turn on an engine began, after `epoch` finished epochs
    reported   trial, epoch, metrics, state       an epoch ended; its state is on disk
    paused     trial, epoch                       a rung was reached and others go first
    finished   trial, status, reason              complete | stopped | failed
    tested     trial, metrics                     what it kept was scored on the test split; by `ptune confirm` alone
    tracked    trial (null: the search), run_id   the MLflow run that shows it
    resumed    versions                           another process took the search up
    loaded     dtype                              the type of the frozen weights in every trial: float32 | bfloat16
    ended      status, best, test                 complete | interrupted | failed; test: of the exported prompt
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

from ptune.errors import JournalError
from ptune.files import sync_folder

Kind = Literal[
    "search",
    "suggested",
    "started",
    "reported",
    "paused",
    "finished",
    "tested",
    "tracked",
    "resumed",
    "loaded",
    "ended",
]
Event = dict[str, Any]
JOURNAL = "journal.jsonl"
"""Name of a journal in its search's folder."""

_LASTING = frozenset({"search", "suggested", "resumed", "ended"})
"""Events that a machine's crash must not forget, because files on disk depend on them. Every other one follows again
from what is left: a trial's saved state answers for the epochs it holds, and a decision is taken anew."""
_SYNC_EVERY_S = 1.0


class Journal:
    """The writer of one search's journal.

    Opening takes an exclusive lock and removes a torn last line. Appending is thread-safe; when `append` returns,
    the event survives a crash of the process. A crash of the machine takes no event on which files depend, and of the
    others at most those that were appended within a second of each other: waiting for the disk at every line would take
    longer than everything else a search does about a report.

    Raises:
        JournalError: another process writes this journal.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = threading.Lock()
        self._file: IO[bytes] = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise JournalError(f"{path.parent.name} is being run by another process, which holds {path}") from None
        self._file.truncate(_whole_length(path))
        self._synced_at = -_SYNC_EVERY_S
        sync_folder(path.parent)

    def append(self, kind: Kind, **fields: Any) -> Event:
        """Append one event, stamped with the time in seconds since 1970, and return it."""
        event = {"event": kind, "time": round(time.time(), 3), **fields}
        line = json.dumps(event, ensure_ascii=False, allow_nan=True).encode() + b"\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()
            if kind in _LASTING or time.monotonic() - self._synced_at >= _SYNC_EVERY_S:
                os.fsync(self._file.fileno())
                self._synced_at = time.monotonic()
        return event

    def close(self) -> None:
        """Release the lock."""
        with self._lock:
            if not self._file.closed:
                os.fsync(self._file.fileno())
                self._file.close()


def read(path: Path) -> list[Event]:
    """Return every whole event of a journal, oldest first.

    Raises:
        JournalError: the file is missing, or a line before the last is not JSON.
    """
    return list(Reader(path))


class Reader:
    """Reads a journal from where it last stopped, while another thread or process appends to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def __iter__(self) -> Iterator[Event]:
        """Yield the whole events appended since the last call."""
        try:
            stream = self._path.open("rb")
        except FileNotFoundError:
            raise JournalError(f"{self._path}: there is no journal here") from None
        with stream:
            stream.seek(self._offset)
            for line in stream:
                if not line.endswith(b"\n"):  # still being written
                    return
                event = _decode(self._path, line)
                self._offset += len(line)
                yield event


def _decode(path: Path, line: bytes) -> Event:
    try:
        event = json.loads(line)
    except ValueError:
        raise JournalError(f"{path}: damaged line: {line[:80]!r}") from None
    if not isinstance(event, dict) or "event" not in event:
        raise JournalError(f"{path}: not an event: {line[:80]!r}")
    return event


def _whole_length(path: Path) -> int:
    """The length of the file up to its last newline."""
    content = path.read_bytes()
    return content.rfind(b"\n") + 1
