"""Files of one node that can be made anew: shared by its processes, kept up to a budget. Knows not what they hold.

Whoever comes first makes a file, while the others wait for it. Files that nobody has asked for longest give way to new
ones; who has one of them open keeps it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

_STALE_SECONDS = 3600.0
_LOCK = ".lock"


class NodeFiles:
    """A folder of such files.

    Args:
        folder: on a disk of this node; made for its owner alone.
        budget: most bytes that the folder's files may take.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self.folder = folder
        self._budget = budget

    def path(self, name: str) -> Path:
        """Where a file lies, if it is there."""
        return self.folder / name

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[Path]:
        """Be the only process with a say in one file; yields its path.

        Raises:
            OSError: the folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / f"{name}{_LOCK}").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.path(name)

    def used(self, name: str) -> None:
        """Somebody asked for a file."""
        os.utime(self.path(name))

    def make_room(self, size: int) -> bool:
        """Remove drafts of processes that died, and the files asked for longest ago, until `size` bytes fit.

        Nothing is removed, and the answer is no, for more than the budget or half of what the disk has left.
        """
        if size > min(self._budget, shutil.disk_usage(self.folder).free // 2):
            return False
        for draft in self.folder.glob(".*.tmp"):
            if time.time() - draft.stat().st_mtime > _STALE_SECONDS:
                draft.unlink(missing_ok=True)
        files = [file for file in self.folder.iterdir() if file.is_file() and file.suffix not in (_LOCK, ".tmp")]
        files.sort(key=lambda file: file.stat().st_mtime)
        used = sum(file.stat().st_size for file in files)
        for file in files:
            if used + size <= self._budget:
                break
            used -= file.stat().st_size
            file.unlink(missing_ok=True)
        return True


def default_folder() -> Path:
    """PTUNE_CACHE, or a folder in the user's cache folder."""
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("PTUNE_CACHE", home / "ptune" / "states"))
