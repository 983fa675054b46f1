"""Waiting for what another thread or process does."""

import time
from collections.abc import Callable

PATIENCE_S = 300.0
"""Only what never happens takes so long: no machine, however busy, decides a test."""


def wait_for(condition: Callable[[], object], failed: Callable[[], object] = lambda: None) -> None:
    """Return when `condition` holds; fail with what `failed` says, or after `PATIENCE_S` seconds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        failure = failed()
        assert not failure, failure
        assert time.monotonic() < deadline, f"still false after {PATIENCE_S:.0f} s"
        time.sleep(0.02)
