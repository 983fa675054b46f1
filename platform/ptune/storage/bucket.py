"""A bucket: a folder in object storage, reached through fsspec. It holds whole objects, by name."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from ptune.files import replacing
from ptune.storage.location import checked_url
from ptune.storage.waiting import BRIEF, Patience, patiently

_OPTIONS: dict[str, dict[str, object]] = {
    "s3": {"config_kwargs": {"connect_timeout": 5, "read_timeout": 60, "retries": {"max_attempts": 1}}},
    "file": {"auto_mkdir": True},
}
"""By scheme; `patiently` retries, and says so, in place of the libraries."""
T = TypeVar("T")


class Bucket:
    """A folder in object storage.

    Args:
        url: see `ptune.storage.location.checked_url`.
        patience: how long each call waits for an outage to end.

    Every method raises a BucketError when the storage cannot be reached in time, or refuses; and a SpecError when the
    package that reaches it is not installed.
    """

    def __init__(self, url: str, patience: Patience = BRIEF) -> None:
        self.url = url
        self._patience = patience

    def folder(self, name: str) -> Bucket:
        """A folder in this one."""
        return Bucket(f"{self.url}/{name}", self._patience)

    def patient(self, patience: Patience) -> Bucket:
        """The same, waiting longer or shorter."""
        return Bucket(self.url, patience)

    def create(self, name: str, content: bytes) -> bool:
        """Write an object that does not exist yet; whether it holds this content now, and is nobody else's.

        An answer that got lost makes no difference: what stands there tells who came first.
        """

        def action() -> bool:
            found = self._content(name)  # a refused writing comes here again, and is told by what stands there
            if found is None:
                self._files.pipe_file(self._path(name), content, mode="create")
            return found in (None, content)

        return self._reached(action)

    def put(self, name: str, content: bytes | Path) -> None:
        """Write an object, in place of the one of this name if there is one."""

        def action() -> None:
            data = content if isinstance(content, bytes) else content.read_bytes()
            self._files.pipe_file(self._path(name), data)

        self._reached(action)

    def get(self, name: str) -> bytes | None:
        """An object's content; None if there is no such object."""
        return self._reached(lambda: self._content(name))

    def fetch(self, name: str, path: Path) -> bool:
        """Write an object into a file, whole or not at all; whether there is such an object."""

        def action() -> bool:
            try:
                with replacing(path) as draft:
                    self._files.get_file(self._path(name), str(draft))
            except FileNotFoundError:
                return False
            return True

        return self._reached(action)

    def sizes(self, folder: str) -> dict[str, int]:
        """The objects in a folder, at any depth: by name in it, their bytes."""

        def action() -> dict[str, int]:
            root = self._path(folder)
            try:
                entries = self._files.find(root, detail=True)
            except FileNotFoundError:
                return {}
            return {name.removeprefix(f"{root}/"): int(about["size"]) for name, about in entries.items()}

        return self._reached(action)

    def folders(self) -> list[str]:
        """The names of the folders in this one."""

        def action() -> list[str]:
            root = self._path("")
            try:
                entries = self._files.ls(root, detail=True)
            except FileNotFoundError:
                return []
            folders = (entry["name"].rstrip("/") for entry in entries if entry["type"] == "directory")
            return sorted(name.rpartition("/")[2] for name in folders)

        return self._reached(action)

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects; those that do not exist are no matter."""

        def action(path: str) -> None:
            with contextlib.suppress(FileNotFoundError):
                self._files.rm_file(path)

        for name in names:
            self._reached(partial(action, self._path(name)))

    def check(self) -> bool:
        """Try what a search needs of a bucket, and leave nothing behind.

        Returns:
            Whether of two writers of one object the first stays. Where not, a search has to be run by one process at
            a time without the bucket's help.

        Raises:
            BucketError: it cannot be reached, read or written.
        """
        name = f".ptune-{uuid.uuid4().hex}"

        def write_again() -> None:
            with contextlib.suppress(OSError):  # as which every library says that the object exists
                self._files.pipe_file(self._path(name), b"second", mode="create")

        self.create(name, b"first")
        self._reached(write_again)
        keeps_first = self.get(name) == b"first"
        self.remove([name])
        return keeps_first

    def _content(self, name: str) -> bytes | None:
        try:
            content: bytes = self._files.cat_file(self._path(name))
        except FileNotFoundError:
            return None
        return content

    def _path(self, name: str) -> str:
        url = f"{self.url}/{name}" if name else self.url
        path: str = self._files._strip_protocol(url)  # noqa: SLF001 - fsspec has no public name for it
        return path

    def _reached(self, action: Callable[[], T]) -> T:
        return patiently(action, self.url, self._patience)

    @cached_property
    def _files(self) -> Any:
        import fsspec

        scheme = checked_url(self.url).partition("://")[0]
        files = fsspec.filesystem(scheme, use_listings_cache=False, **_OPTIONS.get(scheme, {}))
        files.retries = 1
        return files
