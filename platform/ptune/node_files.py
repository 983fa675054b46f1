"""Files of one node that can be made anew: shared by its processes, kept up to a budget. Knows not what they hold.

Whoever comes first makes a file, while the others wait for it. Files that nobody has asked for longest give way to new
ones, except those that a process holds: every holder has a shared lock beside the file, a maker and a remover an
exclusive one. The lock's file holds the file's seal, so what was cut or changed since is noticed before it is mapped.
Files that may be mapped are never written again: they are read-only, and are removed by name alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO

from ptune.errors import StorageError
from ptune.files import Seal

_LOG = logging.getLogger(__name__)
_STALE_SECONDS = 3600.0
_AGAIN_SECONDS, _TURNS = 0.02, 100
_LOCK, _DRAFT = ".lock", ".tmp"
_READ_ONLY = 0o400
_WORLD_WRITABLE = 0o002
_REMEDY = "set PTUNE_CACHE to a folder of your own"


class NodeFiles:
    """A folder of such files, and those of them that this process holds.

    Args:
        folder: on a disk of this node; made for its owner alone.
        budget: most bytes that the folder's files may take, but for what two processes begin at the same moment. A
            small lock file stays for every file that there ever was.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self.folder = folder
        self.budget = budget
        self._held: dict[str, IO[str]] = {}

    def hold(self, name: str, is_whole: Callable[[Path], bool], make: Callable[[Path], bool]) -> Path | None:
        """A file, made if it is not there; it stays until `release`, or as long as this object lives.

        Args:
            name: the file's name.
            is_whole: whether what lies at a path, as it was made, is the file.
            make: puts it there, whole at once; or answers False, for want of room.

        Returns:
            None when it is not made, or is gone while another process holds it.

        Raises:
            OSError: the folder cannot be written.
        """
        path = self.folder / name
        if name in self._held:
            return path
        make_private(self.folder)
        with contextlib.ExitStack() as unless_held:
            lock = unless_held.enter_context(self._lock(name))
            for _ in range(_TURNS):
                fcntl.flock(lock, fcntl.LOCK_SH)  # waits for who makes it
                if self._is_sealed(lock, path) and is_whole(path):
                    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
                    break
                if _alone(lock):
                    path.unlink(missing_ok=True)  # what is not whole takes no room
                    if not make(path):
                        return None
                    self._seal(lock, path)
                    fcntl.flock(lock, fcntl.LOCK_SH)
                    break
                time.sleep(_AGAIN_SECONDS)
            else:
                return None  # somebody holds what is gone
            self._held[name] = lock
            unless_held.pop_all()
        return path

    def is_sealed(self, name: str) -> bool:
        """Whether a file is there as it was made, for who looks without holding it."""
        try:
            make_private(self.folder)
            with (self.folder / f"{name}{_LOCK}").open() as lock:
                return self._is_sealed(lock, self.folder / name)
        except OSError:
            return False

    def release(self, name: str) -> None:
        """Let a file give way."""
        self._held.pop(name).close()

    def make_room(self, size: int) -> bool:
        """Remove drafts of processes that died, and the files asked for longest ago, until `size` bytes fit.

        The answer is no for more than the budget or half of what the disk has left, and where too much is held.
        """
        if size > min(self.budget, shutil.disk_usage(self.folder).free // 2):
            return False
        files: list[tuple[float, int, Path]] = []
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process has removed it
                status = path.stat()
                if path.suffix == _DRAFT and time.time() - status.st_mtime > _STALE_SECONDS:
                    path.unlink()
                elif path.is_file() and path.suffix != _LOCK:
                    files.append((status.st_atime, status.st_size, path))
        used = sum(taken for _, taken, _ in files)
        for _, taken, path in sorted(files):
            if used + size <= self.budget:
                break
            if path.suffix != _DRAFT and self._removed(path):
                used -= taken
        return used + size <= self.budget

    @staticmethod
    def _seal(lock: IO[str], path: Path) -> None:
        """Note a file as it is, and keep others from writing it."""
        path.chmod(_READ_ONLY)
        lock.truncate(0)
        lock.write(json.dumps(asdict(Seal.of(path))))
        lock.flush()

    @staticmethod
    def _is_sealed(lock: IO[str], path: Path) -> bool:
        lock.seek(0)
        seal = Seal.parse(lock.read())
        return seal is not None and seal.is_on(path)

    def _removed(self, path: Path) -> bool:
        """Whether a file is gone, because nobody holds it."""
        with self._lock(path.name) as lock:
            if not _alone(lock):
                return False
            path.unlink(missing_ok=True)
        return True

    def _lock(self, name: str) -> IO[str]:
        return (self.folder / f"{name}{_LOCK}").open("a+")  # readable, which a shared lock takes on NFS


def _alone(lock: IO[str]) -> bool:
    """Turn a lock into an exclusive one, if nobody else has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_private(folder: Path) -> None:
    """Make a folder that nobody else can read, with those above it that are not there.

    Raises:
        StorageError: it is there, and others may write it, so that what lies in it may be theirs.
        OSError: it cannot be made.
    """
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.getuid():
        raise StorageError(f"{folder} belongs to another user, who could put anything into it; {_REMEDY}")
    if status.st_mode & _WORLD_WRITABLE:
        raise StorageError(
            f"{folder} can be written by every user, who could have put anything into it; {_REMEDY}, or empty it and "
            "run `chmod 700` on it"
        )


def check_cache() -> None:
    """Refuse caches that others may write; a machine that has no place for caches does without.

    Raises:
        StorageError: see `make_private`.
    """
    for folder in (cache_folder(), default_folder()):
        try:
            make_private(folder)
        except StorageError:
            raise
        except OSError as error:
            _LOG.warning("ptune: nothing is cached, because %s cannot be made: %s", folder, error)


def cache_folder() -> Path:
    """PTUNE_CACHE, or ptune's folder in the user's cache folder."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("PTUNE_CACHE") or home / "ptune")


def default_folder() -> Path:
    """Where files that can be made anew are: PTUNE_CACHE, or a folder in `cache_folder`."""
    return cache_folder() if os.environ.get("PTUNE_CACHE") else cache_folder() / "states"
