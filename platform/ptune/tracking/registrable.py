"""Which searches have a best prompt that a registered model may have a version of. Pure."""

from __future__ import annotations

from ptune.record.history import History


def why_unregistered(history: History) -> str | None:
    """Why a search's best prompt becomes no version of a registered model; None where it may.

    Versions are held against each other by their scores on all of dev.
    """
    name, best = history.header.name, history.best
    if history.status != "complete":
        return f"{name} is not complete, so its best is not known ({history.status})"
    if best is None:
        return f"{name} has no trial with a result"
    if best.dev_examples is not None:
        return f"the best trial of {name} ({best.number}) is scored on {best.dev_examples:,} of dev alone"
    return None
