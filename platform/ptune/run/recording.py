"""Writing a search's journal: in its folder and, if that is the copy of a bucket, there too."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from ptune.errors import BucketError
from ptune.record.journal import JOURNAL, Journal
from ptune.storage.bucket import Bucket
from ptune.storage.drivers import Driver, declare, wait_until_free
from ptune.storage.journal_mirror import JournalMirror
from ptune.storage.local_copy import bucket_of
from ptune.storage.requests import bring_requests
from ptune.storage.results import send_results
from ptune.storage.segments import bring_journal
from ptune.storage.states import BucketStates
from ptune.storage.waiting import Patience

_SETTLED_WITHIN_S = 60.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recording:
    """A journal that this process writes.

    Attributes:
        journal: it takes events.
    """

    journal: Journal
    _bucket: Bucket | None = None
    _mirror: JournalMirror | None = None

    def take_over(self, trials: Container[int]) -> None:
        """Return when no other process can go on with the search: its last event and its files are in the bucket.

        Args:
            trials: those that the journal knows. The states of others were saved by a driver that ended before it had
                told the bucket of them.

        Raises:
            JournalError: another process has gone on with it.
            BucketError: the bucket does not take them.
        """
        if self._bucket is not None and self._mirror is not None:
            self._mirror.settle(_SETTLED_WITHIN_S)
            send_results(self._bucket, self.journal.path.parent)
            BucketStates(self._bucket).keep_only(trials)


@contextlib.contextmanager
def recording(folder: Path) -> Iterator[Recording]:
    """Write the journal of the search in a folder. At the end, its files are sent as well.

    Raises:
        JournalError: another process writes it.
    """
    bucket = bucket_of(folder)
    if bucket is None:
        with contextlib.closing(Journal(folder / JOURNAL)) as journal:
            yield Recording(journal)
        return
    wait_until_free(bucket, folder.name)
    bring_journal(bucket, folder)
    bring_requests(bucket, folder)
    with contextlib.closing(Journal(folder / JOURNAL)) as journal:
        driver = Driver.here()
        mirror = JournalMirror(journal, bucket, driver)
        try:
            yield Recording(journal, bucket, mirror)
        finally:
            if journal.path.exists():
                _finish(mirror, bucket, driver, folder)
            else:
                mirror.abandon()
                if mirror.segments <= 1 and not mirror.lost:  # it could not begin; else only the copy is gone
                    bucket.remove(bucket.sizes(""))


def _finish(mirror: JournalMirror, bucket: Bucket, driver: Driver, folder: Path) -> None:
    """Send what is left of a search; say what cannot be sent."""
    mirror.close(_SETTLED_WITHIN_S)
    if mirror.lost:
        return
    try:
        if mirror.unsent:
            raise BucketError(f"the last {mirror.unsent} bytes of its journal")
        waiting = bucket.patient(Patience(_SETTLED_WITHIN_S))
        send_results(waiting, folder)
        declare(waiting, driver, ended=True)
    except BucketError as error:
        _LOG.warning(
            "ptune: not all of %s is in %s (%s). It is kept in %s, and `ptune sync %s` sends it",
            folder.name,
            bucket.url,
            error,
            folder,
            folder.name,
        )
