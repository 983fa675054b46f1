"""One line that says what went wrong, taken from what Ray raises, and whether a node went with it."""

from __future__ import annotations

from ray.exceptions import ActorUnavailableError

from ptune.errors import PtuneError

_NODE_DIED = "its node has died"
_ADVICE = " Some common causes"  # Ray goes on for a paragraph


def error_summary(error: BaseException) -> str:
    """Return the cause of a remote call's error, or the last line of what Ray says about a dead process."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, PtuneError):
        return str(cause)
    if isinstance(cause, BaseException):
        return f"{type(cause).__name__}: {cause}"
    lines = [line for line in str(error).split(_ADVICE, maxsplit=1)[0].splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__


def node_died(error: BaseException) -> bool:
    """Whether a call failed because the other side's node is gone, or cannot be reached at present."""
    return isinstance(error, ActorUnavailableError) or _NODE_DIED in str(error)
