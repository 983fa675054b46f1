"""Everything a report says about a search, as one JSON object, whether it runs, was interrupted or has ended.

The terminal, the page and programs all read this object. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ptune.record.events import Event, Header
from ptune.record.history import History
from ptune.record.journal import JOURNAL, Reader, read
from ptune.report import leaderboard
from ptune.report.published import comparisons, protocol_notes
from ptune.run.confirm import result
from ptune.searching.importance import importances
from ptune.spec.overrides import found
from ptune.spec.protocol import majority_metric


def findings(
    history: History,
    shares: dict[str, float],
    overrides: Sequence[str],
    state: str,
    confirmed: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The report.

    Args:
        history: the search.
        shares: each parameter's share in what made trials good.
        overrides: what was set over the job file.
        state: running, interrupted, complete or failed.
        confirmed: what `ptune.run.confirm.result` says of a confirmation of this search, or of this one.

    Returns:
        name, state, metric, backbone, data, trials and planned (numbers), statuses, best (None before the first
        result), test (of the exported prompt), majority_baseline and majority_metric, constant (trials that answer
        every dev example alike), published, notes (how the protocol differs), leaderboard, groups, repeated,
        importances, confirmation (of this search, or by it; None without).
    """
    header = history.header
    rows = leaderboard.rows(history)
    majorities = [row["majority_baseline"] for row in rows if row["majority_baseline"] is not None]
    return {
        "name": header.name,
        "state": state,
        "metric": history.objective.metric,
        "backbone": header.job.backbone.id,
        "data": _data(header),
        "trials": len(history.trials),
        "planned": header.job.budget.trials,
        "statuses": history.statuses,
        "best": None if history.best_result is None else vars(history.best_result),
        "test": None if history.ended is None else history.ended.test,
        "majority_baseline": majorities[0] if majorities else None,
        "majority_metric": majority_metric(header.job.task.kind),
        "constant": [row["trial"] for row in rows if row["constant_prediction"]],
        "published": [{**row, "confirmed": _confirmed(row, confirmed)} for row in comparisons(history)],
        "notes": protocol_notes(history, overrides, state),
        "leaderboard": rows,
        "groups": leaderboard.groups(history),
        "repeated": leaderboard.is_repeated(history),
        "importances": shares,
        "confirmation": confirmed,
    }


def of_folder(folder: Path, history: History, *, running: bool) -> dict[str, Any]:
    """The report of the search in a folder."""
    state = "running" if running else history.status
    return findings(history, shares_of(history), overrides_of(folder), state, confirmation_of(folder, history))


def overrides_of(folder: Path) -> list[str]:
    """What was set over the job file that a search's folder keeps."""
    kept = folder / "job.toml"
    return found(kept.read_text(encoding="utf-8")) if kept.is_file() else []


def confirmation_of(folder: Path, history: History) -> dict[str, Any] | None:
    """What a confirmation has come to: this one, or the latest of this search among its neighbours."""
    own = result(history)
    if own is not None:
        return own
    confirming = [
        History.of(read(path))
        for path in folder.parent.glob(f"*/{JOURNAL}")
        if confirmed_id(next(iter(Reader(path)), None)) == history.header.id
    ]
    return result(max(confirming, key=lambda one: one.started_at or 0.0)) if confirming else None


def shares_of(history: History) -> dict[str, float]:
    """Each parameter's share in what made the best trials the best; {} when there is too little to tell.

    A confirmation's trials were chosen for being good, so they tell nothing.
    """
    if history.header.confirms is not None:
        return {}
    return importances(history, history.job.space.resolved(history.header.backbone.layers))


def confirmed_id(event: Event | None) -> str | None:
    """The search that a journal confirms, by its first event."""
    return event.confirms.id if isinstance(event, Header) and event.confirms is not None else None


def _confirmed(row: dict[str, Any], confirmed: dict[str, Any] | None) -> dict[str, Any] | None:
    """Mean, sd and n of the configuration that stands beside a published number, on fresh seeds."""
    if confirmed is None or row["found"] is None or row["metric"] != confirmed["metric"]:
        return None
    same = (one for one in confirmed["configurations"] if one["config"] == row["found"]["config"])
    about: dict[str, Any] | None = next((one[row["on"]] for one in same), None)
    return about


def _data(header: Header) -> dict[str, Any]:
    """Each split's source and number of examples."""
    return {name: {"source": data.source, "rows": data.rows} for name, data in header.data.items()}
