"""Words that several laws share. Pure."""

from __future__ import annotations

from collections.abc import Sequence

_NAMED = 4  # trials that a sentence names


def counted(number: int, noun: str) -> str:
    """`1 trial`, `3 trials`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(trials: Sequence[int]) -> str:
    """`3`, `1, 2 and 5`, `1, 2, 5, 7 and 9 more`."""
    shown = [str(trial) for trial in trials[:_NAMED]]
    if len(trials) == 1:
        return shown[0]
    last = f"{len(trials) - _NAMED} more" if len(trials) > _NAMED else shown.pop()
    return f"{', '.join(shown)} and {last}"


def among(members: Sequence[int], total: int) -> str:
    """`all 4 trials`, `3 of 12 trials (1, 2 and 5)`, `1 of 12 trials (number 5)`, `the only trial`."""
    if len(members) == total:
        return f"all {total} trials" if total > 1 else "the only trial"
    numbers = f"number {members[0]}" if len(members) == 1 else listed(members)
    return f"{len(members)} of {counted(total, 'trial')} ({numbers})"
