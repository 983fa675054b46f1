"""The saved states of a search's trials in its bucket: one object for each of a trial's last epochs.

The name has the number of finished epochs, so that a late writer never replaces a newer state, and a listing tells
which is the newest.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Container
from pathlib import Path

from ptune.storage.bucket import Bucket
from ptune.storage.local_copy import bucket_of
from ptune.storage.segments import TRIALS
from ptune.storage.waiting import Patience

START = "start.safetensors"
"""What a trial starts from, beside its states."""
_KEPT = 2  # states of a trial
_SUFFIX = ".safetensors"


def start_file(trial: int) -> Path:
    """Where it is kept what a trial starts from, relative to the search's folder and to its bucket."""
    return Path(TRIALS) / f"{trial:04d}" / START


def drop_start(folder: Path, trial: int) -> None:
    """Let go what a trial was to start from of which the journal never hears, on this disk and in the bucket if any.

    Args:
        folder: the search's folder.
        trial: the number that another trial may take.

    Raises:
        BucketError: the bucket refuses.
    """
    (folder / start_file(trial)).unlink(missing_ok=True)
    if (bucket := bucket_of(folder, Patience(math.inf))) is not None:
        bucket.remove([start_file(trial).as_posix()])


class BucketStates:
    """The states of one search in its bucket. Threads may use it together; of one trial, one sends at a time."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._sending: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)

    def send(self, trial: int, epoch: int, path: Path) -> None:
        """Send the state of a trial after an epoch, and let an older one go."""
        with self._sending[trial]:
            self._bucket.put(_object(trial, epoch), path)
            if epoch > _KEPT:
                self._bucket.remove([_object(trial, epoch - _KEPT)])

    def send_start(self, trial: int, path: Path) -> None:
        """Send what a trial starts from."""
        self._bucket.put(start_file(trial).as_posix(), path)

    def bring(self, trial: int, epochs: int, path: Path, most: int | None = None) -> None:
        """Bring the newest state of a trial, if it has more than `epochs` epochs, into a file; its start beside it.

        Args:
            trial: the trial.
            epochs: how many epochs the state has that is there already.
            path: the file.
            most: the newest with at most as many epochs goes before newer ones.
        """
        names = set(self._bucket.sizes(f"{TRIALS}/{trial:04d}"))
        if START in names and not path.with_name(START).exists():
            self._bucket.fetch(start_file(trial).as_posix(), path.with_name(START))
        kept = [int(name.removesuffix(_SUFFIX)) for name in names - {START}]
        newest = max((of for of in kept if most is None or epochs < of <= most), default=max(kept, default=0))
        if newest > epochs:
            self._bucket.fetch(_object(trial, newest), path)

    def keep_only(self, trials: Container[int]) -> None:
        """Let the states of other trials go: their driver ended before anybody could know of them."""
        names = [f"{TRIALS}/{name}" for name in self._bucket.sizes(TRIALS)]
        self._bucket.remove([name for name in names if int(name.split("/")[1]) not in trials])


def _object(trial: int, epoch: int) -> str:
    return f"{TRIALS}/{trial:04d}/{epoch:06d}{_SUFFIX}"
