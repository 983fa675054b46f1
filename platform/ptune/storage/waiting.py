"""How outages of object storage are waited for: again and again, with growing pauses, and never in silence."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from ptune.errors import BucketError, PtuneError
from ptune.files import cause
from ptune.spec.tracking import without_password

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 5.0
_TOLD_AFTER_S, _TOLD_EVERY_S = 10.0, 60.0
_FINAL = (PermissionError, FileNotFoundError)
_FINAL_NAMES = ("NoCredentialsError", "PartialCredentialsError", "ParamValidationError", "ProfileNotFound")
_LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long an outage is waited for."""

    seconds: float
    """From its first failure."""
    over: threading.Event = field(default_factory=threading.Event)
    """Ends every wait, once it is set."""

    @property
    def unbounded(self) -> bool:
        """Whether a search is under way: then even a refusal may pass, such as credentials that are renewed."""
        return math.isinf(self.seconds)


BRIEF = Patience(10.0)
"""For what somebody waits for at a terminal."""


def patiently(action: Callable[[], T], url: str, patience: Patience) -> T:
    """What an action on object storage returns, once it succeeds.

    Raises:
        BucketError: it does not succeed in time; or is refused, and nothing that is under way depends on it.
    """
    began = time.monotonic()
    told_at, pause = began + _TOLD_AFTER_S - _TOLD_EVERY_S, FIRST_PAUSE_S
    while True:
        try:
            return action()
        except PtuneError:
            raise
        except Exception as error:  # noqa: BLE001 - botocore's, aiohttp's and fsspec's errors have no common base
            now, reason = time.monotonic(), reason_of(error)
            final = isinstance(error, _FINAL) or type(error).__name__ in _FINAL_NAMES
            if (final and not patience.unbounded) or now - began > patience.seconds or patience.over.is_set():
                raise BucketError(f"{url}: {reason}") from None
        if now - told_at >= _TOLD_EVERY_S:
            told_at = now
            _LOG.warning("ptune: waiting for %s since %.0f s: %s", url, now - began, reason)
        patience.over.wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)


def reason_of(error: Exception) -> str:
    """What object storage says, in one line."""
    return without_password(cause(error).splitlines()[0])
