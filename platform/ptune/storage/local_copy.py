"""The local copy of a bucket: the folder in this user's cache where its searches are read and written.

Everything that reads or writes a search works on the copy's files. What a search gains there goes to the bucket, and
what others have put into the bucket comes down before the copy is read.
"""

from __future__ import annotations

import re
from pathlib import Path

from ptune.files import value_hash, write_text
from ptune.node_files import cache_folder, make_private
from ptune.storage.bucket import Bucket
from ptune.storage.waiting import BRIEF, Patience

_MARKER = ".bucket"
"""The file in a copy that holds the bucket's URL."""


def local_copy(url: str) -> Path:
    """The folder that holds a bucket's copy on this machine; nobody else can read it.

    Args:
        url: see `ptune.storage.location.checked_url`.

    Raises:
        StorageError: others may write it.
    """
    readable = re.sub(r"[^\w.]+", "-", url)[:60]
    folder = cache_folder() / "runs" / f"{readable}-{value_hash(url)[:8]}"
    make_private(folder)
    if not (folder / _MARKER).exists():
        write_text(folder / _MARKER, url + "\n")
    return folder


def url_of(folder: Path) -> str | None:
    """The URL of a search's folder or of a runs folder; None if it is no copy of a bucket."""
    for parent, below in ((folder, ""), (folder.parent, f"/{folder.name}")):
        marker = parent / _MARKER
        if marker.is_file():
            return marker.read_text(encoding="utf-8").strip() + below
    return None


def bucket_of(folder: Path, patience: Patience = BRIEF) -> Bucket | None:
    """The bucket whose copy a search's folder, or a runs folder, is; None if it is no copy."""
    url = url_of(folder)
    return None if url is None else Bucket(url, patience)


def address_of(folder: Path) -> str:
    """What finds a search's folder on any node: its URL, or its path."""
    return url_of(folder) or str(folder.resolve())


def folder_at(address: str) -> Path:
    """A search's folder on this node: the path, or the place in this node's copy of the bucket."""
    runs, slash, name = address.rpartition("/")
    return local_copy(runs) / name if "://" in runs + slash else Path(address)
