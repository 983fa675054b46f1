"""Files that are whole or absent, and names for contents.

Knows nothing of what is stored. A write goes to a temporary neighbour, is flushed to disk, then takes the final
name in one step, so a reader or a crash never sees half a file.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptune.errors import StorageError

ASIDE = ".old"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SLOW_S = 10.0
"""Seconds after which a write is one that its storage holds up."""
_under_way: dict[object, tuple[Path, float]] = {}
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE


def full_disk(error: BaseException, path: Path, size: int | None = None) -> StorageError | None:
    """What is to be said of a file that could not be written because its disk, or a quota, is full.

    Args:
        error: what the writing raised; None is the answer to any other cause.
        path: the file.
        size: bytes that it takes, if that is known.
    """
    cause = str(error)  # safetensors has no error numbers of its own
    if getattr(error, "errno", None) not in _FULL and not any(f"(os error {number})" in cause for number in _FULL):
        return None
    free = shutil.disk_usage(path.parent).free
    takes = "" if size is None else f" of {size / 1e6:.3g} MB"
    reason = os.strerror(next((n for n in _FULL if n == getattr(error, "errno", None)), errno.ENOSPC))
    return StorageError(f"{path}{takes} cannot be written: {reason} ({free / 1e6:.3g} MB are free there)")


@contextmanager
def replacing(path: Path, size: int | None = None) -> Iterator[Path]:
    """Yield a temporary path to write; on success it becomes `path` atomically, on error it is removed.

    Threads and processes may write the same path at once: the last to finish stays. Who may read the file is decided
    by the umask, as for any new file, and not by what writes it: safetensors lets its owner alone read a file.

    Args:
        path: the file.
        size: bytes that it will take, if that is known; for the message.

    Raises:
        StorageError: the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with writing(path):
            mode = _mode_of_new_file(draft)
            yield draft
            draft.chmod(mode)
            with draft.open("rb") as stream:
                os.fsync(stream.fileno())
            draft.replace(path)
            sync_folder(path.parent)
    except Exception as error:  # whatever library writes: a full disk is told apart, the rest goes on as it came
        if full := full_disk(error, path, size):
            raise full from None
        raise
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Note that this thread writes `path` meanwhile; see `blocked_write`."""
    mark = object()
    _under_way[mark] = (path, time.monotonic())
    try:
        yield
    finally:
        del _under_way[mark]


def blocked_write() -> Path | None:
    """The file that a thread of this process has been writing for ten seconds or longer, if there is one."""
    now = time.monotonic()
    return next((path for path, since in list(_under_way.values()) if now - since >= _SLOW_S), None)


def exchange(path: Path, other: Path) -> None:
    """Let two files or folders of one file system change their names, in one step where the system can.

    Elsewhere there is a moment in which `other` lies beside `path` under its name with `ASIDE` behind it.
    """
    if not _exchanged(path, other):
        aside = other.with_name(f"{path.name}{ASIDE}")
        other.replace(aside)
        path.replace(other)
        aside.replace(path)


def _exchanged(path: Path, other: Path) -> bool:
    """Whether Linux has done it: Python has no call for it, and not every file system can."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    return bool(renameat2(_HERE, os.fsencode(path), _HERE, os.fsencode(other), _EXCHANGE) == 0)


def _mode_of_new_file(path: Path) -> int:
    """The permissions that a file made at `path` has: a process cannot read its umask without changing it."""
    path.touch()
    mode = stat.S_IMODE(path.stat().st_mode)
    path.unlink()
    return mode


@contextmanager
def following_umask(folder: Path) -> Iterator[None]:
    """Let what is written into a folder, by whatever library, be readable as new files are there."""
    yield
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(_mode_of_new_file(path.with_name(f".{path.name}.mode")))


def cause(error: Exception) -> str:
    """What an error says went wrong, without the number and the path that an error of the system says, too."""
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def check_regular(path: Path) -> None:
    """Check that a path is a file to be read from its beginning to its end.

    Raises:
        OSError: nothing is there, or a folder, a pipe or a device, which might never end.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON to `path`, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True)
class Seal:
    """A file as it was written, so that any other content in its place is noticed."""

    size: int
    changed_ns: int
    """When its content last changed."""
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Seal:
        """The seal of a file as it is now."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns, content_hash(path))

    @classmethod
    def parse(cls, text: str) -> Seal | None:
        """The seal that a text holds, as `json.dumps(asdict(seal))` writes it; None for any other text."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None

    def is_on(self, path: Path) -> bool:
        """Whether a file has the content that was sealed. It is read only if something has written it since."""
        try:
            status = path.stat()
            if (status.st_size, status.st_mtime_ns) == (self.size, self.changed_ns):
                return True
            return status.st_size == self.size and content_hash(path) == self.sha256
        except OSError:
            return False


def value_hash(value: Any) -> str:
    """Return the SHA-256 of a JSON-serialisable value, independent of key order, in hexadecimal."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, so that files made or renamed in it survive a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
