"""The journal: the append-only record of a search, and its one source of truth.

One event per line; `ptune.record.events` lists them. The Optuna study, the rungs and the tracker's runs are
projections of it and can be rebuilt from it. A file cut at any byte is readable: a torn last line is dropped by readers
and removed by the next writer. One process writes; any number read.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, TypeVar

from ptune.errors import JournalError, StorageError
from ptune.files import full_disk, replacing, sync_folder, writing
from ptune.record.events import Ended, Event, Extended, Header, Refused, Resumed, Suggested, decode, encode
from ptune.record.order import Order

JOURNAL = "journal.jsonl"
"""Name of a journal in its search's folder."""

LASTING = (Header, Suggested, Resumed, Extended, Refused, Ended)
"""Events that a machine's crash must not forget, because files on disk, or users, depend on them. Every other one
follows again from what is left: a trial's saved state answers for its epochs, and a decision is taken anew."""
_SYNC_EVERY_S = 1.0
_E = TypeVar("_E", bound=Event)


class Journal:
    """The writer of one search's journal.

    Opening takes an exclusive lock and removes a torn last line. Appending is thread-safe; when `append` returns,
    the event survives a crash of the process. A crash of the machine takes no event on which files depend, and of the
    others at most those that were appended within a second of each other: waiting for the disk at every line would take
    longer than everything else a search does about a report.

    Raises:
        JournalError: another process writes this journal.
    """

    _file: IO[bytes]
    """Without a buffer, so that a line which does not fit on the disk is not written later."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = threading.Lock()
        self._file = _locked(path)
        self._file.truncate(_whole_length(path))
        self._synced_at = -_SYNC_EVERY_S
        self._refusal: JournalError | None = None
        sync_folder(path.parent)

    def append(self, event: _E) -> _E:
        """Append an event, stamped with the present time, and return it with its stamp.

        Raises:
            JournalError: what `refuse` was given.
        """
        if self._refusal is not None:
            raise self._refusal
        stamped = replace(event, time=round(time.time(), 3))
        line = encode(stamped)
        with self._lock, writing(self.path):
            self._write(line)
            if isinstance(event, LASTING) or time.monotonic() - self._synced_at >= _SYNC_EVERY_S:
                os.fsync(self._file.fileno())
                self._synced_at = time.monotonic()
        return stamped

    def _write(self, line: bytes) -> None:
        """Put a whole line at the journal's end, or nothing.

        Raises:
            StorageError: the disk is full, or the journal is gone.
        """
        status = os.fstat(self._file.fileno())
        try:
            here = os.path.samestat(status, self.path.stat())
        except FileNotFoundError:
            here = False
        if not here:
            raise StorageError(f"{self.path.parent} is gone: it was moved or removed while its search ran")
        try:
            written = 0
            while written < len(line):
                written += self._file.write(line[written:])
        except OSError as error:
            self._file.truncate(status.st_size)
            raise full_disk(error, self.path, len(line)) or error from None

    def refuse(self, reason: JournalError) -> None:
        """Take no further event: somebody else writes this search's record."""
        self._refusal = reason

    def close(self) -> None:
        """Release the lock."""
        with self._lock:
            if not self._file.closed:
                os.fsync(self._file.fileno())
                self._file.close()


def read(path: Path) -> list[Event]:
    """Return every whole event of a journal, oldest first.

    Raises:
        JournalError: the file is missing, or one of its lines is no event; see `Reader`.
    """
    return list(Reader(path))


def is_running(path: Path) -> bool:
    """Whether a process, this one included, writes a journal."""
    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def check_not_running(path: Path) -> None:
    """Refuse a journal that a process writes.

    Raises:
        JournalError: one does.
    """
    if is_running(path):
        raise JournalError(_running(path))


def rewrite(path: Path, content: bytes, *, kept: Path) -> None:
    """Give a journal another content, whole or not at all.

    Args:
        path: the journal; no process writes it.
        content: its lines.
        kept: where its lines up to now are kept.

    Raises:
        JournalError: a process writes it.
    """
    with _locked(path):
        with replacing(kept) as draft:
            shutil.copyfile(path, draft)
        with replacing(path) as draft:
            draft.write_bytes(content)


class Reader:
    """Reads a journal from where it last stopped, while another thread or process appends to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._lines = 0
        self._order = Order()

    def __iter__(self) -> Iterator[Event]:
        """Yield the whole events appended since the last call.

        Raises:
            JournalError: the file is missing, or a line is no event or does not follow from those before; the message
                names the file, the line and what is wrong with it.
        """
        try:
            stream = self._path.open("rb")
        except FileNotFoundError:
            raise JournalError(f"{self._path}: there is no journal here") from None
        with stream:
            stream.seek(self._offset)
            for line in stream:
                if not line.endswith(b"\n"):  # still being written
                    return
                event = self._decode(line)
                self._offset += len(line)
                self._lines += 1
                yield event

    def _decode(self, line: bytes) -> Event:
        try:
            event = decode(line)
            self._order.take(event)
        except JournalError as error:
            hint = f"`ptune repair {self._path.parent.name}` shows what can be kept"
            raise JournalError(f"{self._path}, line {self._lines + 1}: {error}; {hint}") from None
        return event


def _locked(path: Path) -> IO[bytes]:
    """A journal opened for its one writer; the lock is held until it is closed.

    Raises:
        JournalError: another process holds it.
    """
    stream = path.open("a+b", buffering=0)
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        raise JournalError(_running(path)) from None
    if not os.fstat(stream.fileno()).st_nlink:
        stream.close()
        raise JournalError(f"{path.parent.name} could not begin, or was rewritten, in another process; try again")
    return stream


def _running(path: Path) -> str:
    return f"{path.parent.name} is being run by another process, which holds {path}"


def _whole_length(path: Path) -> int:
    """The length of the file up to its last newline."""
    content = path.read_bytes()
    return content.rfind(b"\n") + 1
