"""Waiting for what another thread or process does."""

import time
from collections.abc import Callable

_LOOK_S = 0.02
_REST = 9  # times as long as a look

PATIENCE_S = 300.0
"""Only what never happens takes so long: no machine, however busy, decides a test."""


def wait_for(condition: Callable[[], object], failed: Callable[[], object] = lambda: None) -> None:
    """Return when `condition` holds; fail with what `failed` says, or after `PATIENCE_S` seconds.

    Looks leave nine tenths of the thread's time to what they look for: reading a journal costs as much as an epoch.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        before = time.thread_time()
        if condition():
            return
        failure = failed()
        assert not failure, failure
        assert time.monotonic() < deadline, f"still false after {PATIENCE_S:.0f} s"
        time.sleep(max(_LOOK_S, _REST * (time.thread_time() - before)))
