"""The writer of a search's journal in a bucket: a thread that follows the file and sends it, segment by segment.

Events on which other objects depend go at once. The others gather for a moment, and longer in a journal that has many
segments already, because every reader pays for their number; a trial's saved state answers for reports that get lost.
"""

from __future__ import annotations

import math
import threading
import time

from ptune.errors import BucketError, JournalError, StorageError
from ptune.record.events import decode
from ptune.record.journal import LASTING, Journal
from ptune.storage.bucket import Bucket
from ptune.storage.drivers import EVERY_S, Driver, declare
from ptune.storage.requests import bring_requests
from ptune.storage.segments import Known, segment_name
from ptune.storage.waiting import Patience

_LOOK_S = 0.1
_GATHER_S = 2.0
_BRING_EVERY_S = 4.0
_GATHER_SHARE = 1 / 150  # of the segments there are: their number grows with the root of the time


class JournalMirror:
    """Sends the journal of the search in `folder` to its bucket while this process writes it, and brings requests.

    Args:
        journal: open for writing; it takes no further event once another process has gone on with the search.
        bucket: the search's.
        driver: this process.
    """

    def __init__(self, journal: Journal, bucket: Bucket, driver: Driver) -> None:
        self._journal = journal
        self._folder = journal.path.parent
        self._over = threading.Event()
        self._bucket = bucket.patient(Patience(math.inf, self._over))
        self._driver = driver
        self._known = Known.of(self._folder)
        self._wake = threading.Event()
        self._closing = False
        self._progress = threading.Condition()
        self._lost: JournalError | None = None
        self._sent_at = self._declared_at = self._brought_at = -math.inf
        self._thread = threading.Thread(target=self._work, name="ptune-bucket", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Whether another process has gone on with the search."""
        return self._lost is not None

    @property
    def segments(self) -> int:
        """How many the bucket has."""
        return self._known.count

    @property
    def unsent(self) -> int:
        """Bytes of the journal that the bucket lacks."""
        return self._journal.path.stat().st_size - self._known.size

    def settle(self, seconds: float) -> None:
        """Return when all that the journal holds by now is in the bucket.

        Raises:
            JournalError: another process has gone on with the search.
            BucketError: it takes longer.
        """
        size = self._journal.path.stat().st_size
        self._wake.set()
        with self._progress:
            there = self._progress.wait_for(lambda: self.lost or self._known.size >= size, seconds)
        if self._lost is not None:
            raise self._lost
        if not there:
            raise BucketError(f"{self._bucket.url} takes nothing within {seconds:.0f} s")

    def close(self, seconds: float) -> None:
        """Send the rest, for up to some seconds, and stop."""
        self._closing = True
        self._wake.set()
        self._thread.join(seconds)
        self._over.set()
        self._thread.join()

    def abandon(self) -> None:
        """Send nothing more, and stop."""
        self._over.set()
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            while self._lost is None:
                asked = self._wake.wait(_LOOK_S)
                self._wake.clear()
                closing = self._closing
                tail = self._tail()
                if tail and (closing or asked or self._is_due(tail)):
                    self._send(tail)
                elif closing:
                    return
                elif time.monotonic() - self._declared_at >= EVERY_S:
                    self._declare()
                elif time.monotonic() - self._brought_at >= _BRING_EVERY_S:
                    bring_requests(self._bucket, self._folder)
                    self._brought_at = time.monotonic()
        except (BucketError, StorageError):  # nobody waits for the bucket any longer, or this machine's disk is full
            return

    def _tail(self) -> bytes:
        """The whole lines that the bucket lacks."""
        if self._over.is_set():
            return b""
        try:
            with self._journal.path.open("rb") as stream:
                stream.seek(self._known.size)
                tail = stream.read()
        except FileNotFoundError:  # a search that could not begin is removed
            return b""
        return tail[: tail.rfind(b"\n") + 1]

    def _is_due(self, tail: bytes) -> bool:
        gathered = time.monotonic() - self._sent_at
        if gathered >= max(_GATHER_S, self._known.count * _GATHER_SHARE):
            return True
        return any(isinstance(decode(line), LASTING) for line in tail.splitlines())

    def _send(self, segment: bytes) -> None:
        if not self._bucket.create(segment_name(self._known.count + 1), segment):
            self._lose()
            return
        self._sent_at = time.monotonic()
        with self._progress:
            self._known = self._known.after(segment)
            self._known.note(self._folder)
            self._progress.notify_all()

    def _declare(self) -> None:
        """Say that this process runs the search, unless another one does by now."""
        if self._bucket.get(segment_name(self._known.count + 1)) is not None:
            self._lose()
            return
        declare(self._bucket, self._driver)
        self._declared_at = time.monotonic()

    def _lose(self) -> None:
        with self._progress:
            self._lost = JournalError(
                f"another process goes on with {self._folder.name} in {self._bucket.url}; this one has ended its part"
            )
            self._journal.refuse(self._lost)
            self._progress.notify_all()
