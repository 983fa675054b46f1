"""Which process runs a search in a bucket. It says so in an object, again and again, while it lives."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from ptune.errors import JournalError
from ptune.storage.bucket import Bucket

EVERY_S = 10.0
"""How often a process says that it runs."""
SILENT_S = 30.0
"""After how long a silence it is taken for dead."""
_SKEW_S = 300.0  # by which the clocks of two machines may differ
_LOOK_S = 1.0
_NAME, _SEEN = "driver.json", ".driver.json"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Driver:
    """What a process says of itself."""

    id: str
    host: str
    pid: int
    place: str
    """What tells machines, and containers on one machine, apart."""
    time: float
    """When it last said so; seconds since 1970, by its machine's clock."""
    ended: bool = False

    @staticmethod
    def here() -> Driver:
        """This process."""
        return Driver(uuid.uuid4().hex, socket.gethostname(), os.getpid(), _place(), time.time())

    @property
    def seems_alive(self) -> bool:
        """Whether it spoke a moment ago, if the clocks agree."""
        return not self.ended and not self._has_died and abs(time.time() - self.time) < SILENT_S

    @property
    def is_this(self) -> bool:
        """Whether it is this process."""
        return (self.place, self.pid) == (_place(), os.getpid())

    @property
    def _has_died(self) -> bool:
        """Whether it was a process of this machine, and is no more."""
        return self.place == _place() and not _exists(self.pid)

    @property
    def surely_dead(self) -> bool:
        """Whether there is no need to wait for a sign of it."""
        return self.ended or self.is_this or self._has_died or abs(time.time() - self.time) > _SKEW_S

    def to_json(self, *, ended: bool = False) -> bytes:
        """What stands in the bucket, as of now."""
        return json.dumps(asdict(self) | {"time": time.time(), "ended": ended}).encode()


def driver_of(bucket: Bucket) -> Driver | None:
    """Who runs a search, or did last; None if nobody ever has."""
    content = bucket.get(_NAME)
    return None if content is None else Driver(**json.loads(content))


def bring_driver(bucket: Bucket, folder: Path) -> None:
    """Bring what is known of who runs a search to this machine."""
    bucket.fetch(_NAME, folder / _SEEN)


def runs_elsewhere(folder: Path) -> bool:
    """Whether another process said that it runs the search in a folder, a moment before that was last brought."""
    seen = folder / _SEEN
    return seen.is_file() and Driver(**json.loads(seen.read_bytes())).seems_alive


def claim(bucket: Bucket, driver: Driver) -> bool:
    """Take a search's name for a new search; whether it was free."""
    return bucket.create(_NAME, driver.to_json())


def declare(bucket: Bucket, driver: Driver, *, ended: bool = False) -> None:
    """Say that a process runs a search, or that it has ended its part."""
    bucket.put(_NAME, driver.to_json(ended=ended))


def wait_until_free(bucket: Bucket, name: str) -> None:
    """Return as soon as no other process can be running a search. One that was killed needs to be silent for a while.

    Raises:
        JournalError: one runs it.
    """
    first = driver_of(bucket)
    if first is None or first.surely_dead:
        return
    _LOG.warning(
        "ptune: process %d on %s ran %s a moment ago; waiting up to %.0f s to see whether it still does",
        first.pid,
        first.host,
        name,
        SILENT_S,
    )
    until = time.monotonic() + SILENT_S
    while time.monotonic() < until:
        time.sleep(_LOOK_S)
        last = driver_of(bucket)
        if last is None or last.surely_dead:
            return
        if last.time != first.time:
            raise JournalError(f"{name} is being run by another process: {last.pid} on {last.host}")


def _place() -> str:
    """This machine since it was started, and this container on it."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):  # only Linux has these
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
