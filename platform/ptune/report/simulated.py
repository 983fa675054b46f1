"""Searches that were played on recorded learning curves, printed and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

from ptune.record.curve_table import CurveTable
from ptune.record.objective import Objective
from ptune.record.spread import Spread
from ptune.record.wording import SEPARATOR, described, value_text
from ptune.report.aligned import aligned
from ptune.report.wording import plural, score_text
from ptune.searching.nearest_curve import NearestCurve
from ptune.searching.on_table import Played, best_of

_STEPS = (2, 4, 8, 16, 32)
"""Full trials after whose epochs searches are compared."""


def about_table(name: str, table: CurveTable, objective: Objective) -> str:
    """What the table holds, its best, and the numbers for which it has curves."""
    recorded = table.recorded
    config, value = best_of(table, objective)
    numbers = NearestCurve(table).numbers
    levels = SEPARATOR.join(f"{name} {', '.join(map(value_text, values))}" for name, values in numbers.items())
    configurations = plural(len(table.curves), "configuration")
    lines = [
        f"{name}: {configurations} x {recorded.epochs} epochs, {recorded.backbone} on {recorded.task}",
        f"best of the table: {objective.metric} {score_text(value)}, {described(config, table.told)}",
    ]
    return "\n".join([*lines, *([f"played as the nearest of: {levels}"] if levels else [])])


def played_table(played: Mapping[str, Sequence[Played]], epochs: int) -> str:
    """A line for each job: its size, and what it shows as its best after some epochs, with 95 % intervals.

    Args:
        played: by the name of the job, the searches of its seeds.
        epochs: of a full trial.
    """
    marks = _marks(played, epochs)
    heads = ["job", "trials", "epochs", *(f"after {mark}" for mark in marks), "at the end"]
    rows = [heads]
    for name, searches in played.items():
        sizes = [mean(search.trials for search in searches), mean(len(search.values) for search in searches)]
        best = [_interval([_after(search, mark) for search in searches]) for mark in (*marks, None)]
        rows.append([name, *(f"{size:.0f}" for size in sizes), *best])
    return aligned(rows, left=1)


def to_json(played: Mapping[str, Sequence[Played]], table: CurveTable, objective: Objective) -> dict[str, object]:
    """The same for programs: every search of every job."""
    config, value = best_of(table, objective)
    rows = [
        {
            "job": name,
            "seed": search.seed,
            "trials": search.trials,
            "epochs": len(search.values),
            "values": list(search.values),
            "config": dict(search.config),
        }
        for name, searches in played.items()
        for search in searches
    ]
    best = {"value": value, "config": dict(config)}
    return {"metric": objective.metric, "best_of_table": best, "searches": rows}


def _marks(played: Mapping[str, Sequence[Played]], epochs: int) -> list[int]:
    """The numbers of epochs after which searches are compared: those that every search has trained."""
    fewest = min(len(search.values) for searches in played.values() for search in searches)
    return [step * epochs for step in _STEPS if step * epochs <= fewest]


def _after(search: Played, epochs: int | None) -> float:
    return search.values[-1 if epochs is None else epochs - 1]


def _interval(values: Sequence[float]) -> str:
    """A mean with the half-width of its 95 % interval, where there is more than one value."""
    spread = Spread.of(values)
    half = "" if spread.sd is None else f" ± {1.96 * spread.sd / spread.n**0.5:.4f}"
    return f"{score_text(spread.mean)}{half}"
