"""The data of the charts: one row for each trial, which all charts share, and the learning curves.

Charts refer to these tables by name; a page embeds each once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ptune.record.beside import besides
from ptune.record.history import History, TrialRecord
from ptune.record.wording import described, value_text
from ptune.report.charts.axis import Axis, column
from ptune.report.wording import of_dev
from ptune.spec.trial import Scalar

TRIALS, CURVES = "trials", "curves"
"""The names of the tables."""
GROUPS = ("best", "complete", "stopped early", "unfinished")
_MOST_CURVES = 200
"""Learning curves that are drawn at most; more are one blot."""

Cell = Scalar | None
Row = Mapping[str, Cell]


@dataclass(frozen=True)
class Tables:
    """What charts draw."""

    trials: Sequence[Row]
    """Ranked trials, the best first."""
    curves: Sequence[Row]
    """Epoch by epoch, of those trials whose curves are drawn."""
    drawn: int
    """How many these are."""

    def to_json(self) -> dict[str, dict[str, list[Cell]]]:
        """The tables by name, each by column."""
        tables = {TRIALS: self.trials, CURVES: self.curves}
        return {
            name: {key: [row[key] for row in rows] for key in (rows[0] if rows else ())}
            for name, rows in tables.items()
        }


def tables(history: History, axes: Sequence[Axis]) -> Tables:
    """The tables of a search with some searched parameters."""
    names = history.header.varied
    ranked = history.ranked()
    front = {trial.number for trial in (pareto_front(history) if history.front is None else history.front.trials)}
    beside = _beside(history)
    rows = [
        {**_row(trial, rank, axes, names, trial.number in front), **beside.get(trial.number, {})}
        for rank, trial in enumerate(ranked, 1)
    ]
    drawn = with_curves(ranked)
    metric = history.objective.metric
    curves = [
        {"trial": trial.number, "epoch": trial.in_epochs(number), "score": _finite(report[metric])}
        for trial in reversed(drawn)  # the best on top
        for number, report in enumerate(trial.reports, 1)
    ]
    return Tables(rows, curves, len(drawn))


def with_curves(ranked: Sequence[TrialRecord]) -> Sequence[TrialRecord]:
    """Trials whose curves are drawn, best first: all, or of many the best and as many of the others, evenly."""
    if len(ranked) <= _MOST_CURVES:
        return ranked
    best, others = ranked[: _MOST_CURVES // 2], ranked[_MOST_CURVES // 2 :]
    return [*best, *others[:: -(-len(others) // (_MOST_CURVES - len(best)))]]


def parameters_of(trial: TrialRecord) -> float | None:
    """How many numbers a trial trains; None if it has not said so."""
    return _finite(trial.best_report.get("trainable_parameters", math.nan))


def seconds_of(trial: TrialRecord) -> float:
    """How long a trial held a slot of an engine while it trained."""
    return sum(seconds for report in trial.reports if math.isfinite(seconds := report.get("seconds", 0.0)))


def pareto_front(history: History) -> list[TrialRecord]:
    """Trials that no other one beats: none is at least as good, as small and as quick, and better in one of these.

    In the order of their results, the best first. Of trials that are equal in all three, the first stands for all. All
    are scored on as much of dev as the best.
    """
    utility = history.objective.utility
    costs = {trial.number: (parameters_of(trial) or 0.0, seconds_of(trial)) for trial in history.compared()}
    order = sorted(history.compared(), key=lambda trial: (-utility(trial.best_value or 0.0), *costs[trial.number]))
    front: list[TrialRecord] = []
    for trial in order:  # whoever beats a trial comes before it
        size, seconds = costs[trial.number]
        if not any(costs[other.number][0] <= size and costs[other.number][1] <= seconds for other in front):
            front.append(trial)
    return front


def beside_column(name: str) -> str:
    """The column of an objective beside the metric."""
    return f"beside_{name}"


def _beside(history: History) -> Mapping[int, Row]:
    """By trial, what it has of the objectives beside the metric, and whether it is the knee."""
    if history.front is None or history.objectives is None:
        return {}
    names = history.objectives.beside
    return {
        number: {"knee": reached.is_knee, **{beside_column(name): reached.values.get(name) for name in names}}
        for number, reached in besides(history).items()
    }


def group_of(trial: TrialRecord, *, best: bool) -> str:
    """How a trial is drawn."""
    if best:
        return "best"
    return {"complete": "complete", "stopped": "stopped early"}.get(trial.status, "unfinished")


def _row(trial: TrialRecord, rank: int, axes: Sequence[Axis], names: Sequence[str], on_front: bool) -> Row:
    return {
        "trial": trial.number,
        "rank": rank,
        "value": trial.best_value,
        "best_epoch": trial.kept_epoch,
        "epochs": trial.trained_epochs,
        "seconds": round(seconds_of(trial), 2),
        "parameters": parameters_of(trial),
        "group": group_of(trial, best=rank == 1),
        "front": on_front,
        "label": f"{described(trial.config, names, trial.inherited)}{of_dev(trial.dev_examples)}",
        **{column(axis.name): _on(axis, trial.config.get(axis.name)) for axis in axes},
    }


def _on(axis: Axis, value: Scalar | None) -> Cell:
    """A value as its axis shows it."""
    return value if value is None or axis.numeric else value_text(value)


def _finite(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
