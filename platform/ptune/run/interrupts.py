"""Ctrl-C and SIGTERM, handled alike, while a block runs."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def interrupts(first: Callable[[], None] | None = None) -> Iterator[None]:
    """Answer the first signal with `first`, every other one with KeyboardInterrupt.

    Signals reach the main thread only; in another thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending = [first] if first is not None else []

    def answer(_number: int, _frame: FrameType | None) -> None:
        if not pending:
            _raise()
        pending.pop()()

    before: dict[int, Any] = {number: signal.signal(number, answer) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise() -> NoReturn:
    raise KeyboardInterrupt
