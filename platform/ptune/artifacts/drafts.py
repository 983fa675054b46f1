"""Hidden folders in which something is written before it takes its place, and what dead processes have left of them.

A draft is locked as long as its process lives, and the system lets go of the lock when the process dies. Whoever can
lock a draft may therefore tidy up behind it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ptune.files import ASIDE, exchange

_SUFFIX = ".ptune-draft"


@contextmanager
def draft_of(folder: Path) -> Iterator[Path]:
    """Yield an empty hidden folder to fill; on success it becomes `folder` in one step, on error it is removed.

    What dead processes have left beside `folder` is removed first.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _tidy(folder)
    draft, lock = _locked_draft(folder)
    try:
        yield draft
        try:
            draft.replace(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            exchange(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        os.close(lock)


def _locked_draft(folder: Path) -> tuple[Path, int]:
    """A new draft, and the descriptor that locks it."""
    while True:
        draft = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}{_SUFFIX}")
        draft.mkdir()
        with suppress(FileNotFoundError):  # another process has taken it for abandoned before it was locked
            lock = os.open(draft, os.O_RDONLY)
            _lock(lock, fcntl.LOCK_EX)
            if draft.is_dir():
                return draft, lock
            os.close(lock)


def _tidy(folder: Path) -> None:
    """Remove the drafts beside a folder whose processes are dead, and put back what they have moved aside."""
    for aside in folder.parent.glob(f".{folder.name}.*{_SUFFIX}{ASIDE}"):
        draft = aside.with_name(aside.name.removesuffix(ASIDE))
        with _abandoned(draft if draft.exists() else folder) as abandoned:
            if abandoned and folder.exists():
                shutil.rmtree(aside, ignore_errors=True)
            elif abandoned:
                aside.replace(folder)
    for draft in folder.parent.glob(f".*{_SUFFIX}"):
        with _abandoned(draft) as abandoned:
            if abandoned:
                shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _abandoned(draft: Path) -> Iterator[bool]:
    """Whether no living process has locked a draft; none can while this is asked."""
    try:
        lock = os.open(draft, os.O_RDONLY)
    except OSError:  # another process has removed it
        yield False
        return
    try:
        yield _lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(lock)


def _lock(descriptor: int, how: int) -> bool:
    """Lock what is open; False if another process has, or the file system locks no folders."""
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        return False
    return True
