"""Which charts a search has, in which order, and the tables that they draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ptune.record.history import History
from ptune.report.charts.axis import searched_axes
from ptune.report.charts.best_so_far import best_so_far
from ptune.report.charts.confirmed import confirmed
from ptune.report.charts.cost import cost
from ptune.report.charts.curves import learning_curves
from ptune.report.charts.figure import Figure
from ptune.report.charts.importance import importance
from ptune.report.charts.landscape import landscape, most_important
from ptune.report.charts.parallel import parallel
from ptune.report.charts.pareto import pareto
from ptune.report.charts.slices import slice_of
from ptune.report.charts.table import Tables, tables
from ptune.run.confirm import Confirmation


@dataclass(frozen=True)
class Gallery:
    """The charts of a search; each is None or empty where there is nothing to see."""

    tables: Tables
    curves: Figure
    history: Figure | None
    parallel: Figure | None
    slices: Sequence[Figure]
    importance: Figure | None
    landscape: Figure | None
    pareto: Sequence[Figure]
    cost: Figure | None
    confirmed: Figure | None


def gallery(history: History, shares: Mapping[str, float], confirmation: Confirmation | None) -> Gallery | None:
    """The charts.

    Args:
        history: the search.
        shares: each parameter's share in what made trials good.
        confirmation: of the search, or by it.

    Returns:
        None before the first result.
    """
    ranked = history.ranked()
    if not ranked:
        return None
    axes = searched_axes(history)
    several = len(ranked) > 1
    main = most_important(axes, shares)
    return Gallery(
        tables=tables(history, axes),
        curves=learning_curves(history),
        history=best_so_far(history) if several else None,
        parallel=parallel(history, axes) if several and axes else None,
        slices=[slice_of(history, axis) for axis in axes] if several else [],
        importance=importance(shares) if shares else None,
        landscape=landscape(history, main) if several and len(main) == 2 else None,
        pareto=pareto(history) if several else [],
        cost=cost(history) if history.job.budget.stops_early else None,
        confirmed=confirmed(confirmation) if confirmation and any(c.dev for c in confirmation.configurations) else None,
    )
