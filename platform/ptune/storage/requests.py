"""The requests of a search: a file each, in its folder or bucket, written by whoever asks and read by its driver."""

from __future__ import annotations

import logging
from collections.abc import Container
from pathlib import Path

from ptune.errors import JournalError
from ptune.files import replacing
from ptune.record.requests import Change, Request
from ptune.storage.bucket import Bucket
from ptune.storage.local_copy import bucket_of

REQUESTS = "requests"
"""The folder of the requests in a search's folder."""
_SUFFIX = ".json"
_LOG = logging.getLogger(__name__)


class RequestFolder:
    """The requests of one search, as far as they are on this machine.

    Args:
        folder: the search's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / REQUESTS
        self._seen: set[str] = set()

    def new(self, answered: Container[str] = ()) -> list[Request]:
        """Those that this object has not returned yet, oldest first. A damaged one is told of, and is none.

        Args:
            answered: ids of requests that nobody waits for any more; they are not even read.
        """
        requests = []
        for path in sorted(self._path.glob(f"*{_SUFFIX}")):
            if path.name not in self._seen and path.stem not in answered:
                self._seen.add(path.name)
                try:
                    requests.append(Request.decode(path.stem, path.read_bytes()))
                except (JournalError, OSError) as error:
                    _LOG.warning("ptune: %s: %s", path, error)
        return requests


def leave(folder: Path, change: Change) -> Request:
    """Ask something of a search; return once that is written where its driver finds it.

    Raises:
        BucketError: the search's bucket cannot be reached.
        OSError: its folder cannot be written.
    """
    request = Request.to(change)
    bucket = bucket_of(folder)
    if bucket is not None:
        bucket.put(f"{REQUESTS}/{request.id}{_SUFFIX}", request.encode())
    path = folder / REQUESTS / f"{request.id}{_SUFFIX}"
    with replacing(path) as draft:
        draft.write_bytes(request.encode())
    return request


def bring_requests(bucket: Bucket, folder: Path) -> None:
    """Bring the requests in a search's bucket that this machine lacks."""
    for name in bucket.sizes(REQUESTS):
        path = folder / REQUESTS / Path(name).name
        if not path.exists():
            bucket.fetch(f"{REQUESTS}/{name}", path)
