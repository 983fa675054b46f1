"""How a trial's reason says that it diverged: a loss or a metric was no longer finite."""

from __future__ import annotations

import re

_REASON = re.compile(r"(?:diverged: |the )[\w .+]+ is (?:nan|inf|-inf) in epoch (\d+)")


def diverged(quantity: str, value: float, epoch: int) -> str:
    """The reason: what was not finite, and in which epoch (1, 2, ...)."""
    return f"diverged: {quantity} is {value} in epoch {epoch}"


def epoch_of_divergence(reason: str | None) -> int | None:
    """The epoch in which a trial diverged; None if it failed for another reason, or not at all."""
    found = _REASON.search(reason or "")
    return None if found is None else int(found[1])
