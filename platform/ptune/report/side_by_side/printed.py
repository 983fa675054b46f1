"""Searches side by side on a terminal. Pure: from `SideBySide` to something rich can print."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ptune.record.beside import beside_names
from ptune.record.wording import NONE, described
from ptune.report.folded import Folded
from ptune.report.printed import note
from ptune.report.side_by_side.side import Side
from ptune.report.side_by_side.together import SideBySide
from ptune.report.wording import (
    cost_text,
    front_text,
    narrow_heading,
    of_dev,
    of_planned,
    plural,
    result_text,
    score_text,
    spread_text,
)

_FRONT = 10
"""Trials of a front that are shown beside its knee."""


def printed(content: SideBySide) -> RenderableType:
    """Results, what to beware of, what differs, and of each search the first trials and, if it has one, the front."""
    parts: list[RenderableType] = [_headline(content), Text(), _results(content), Text()]
    if content.unfair:
        parts += [Text("beware", style="dim"), *(note(text) for text in content.unfair), Text()]
    if content.differences:
        parts += [Text("what differs", style="dim"), _differences(content), Text()]
    for side in content.sides:
        if side.leaders:
            parts += [_leaders_title(side), _leaders(side), Text()]
        if side.history.front is not None:
            title = Text(f"the front of {side.name}, {front_text(side.history.front)}", style="dim")
            parts += [title, _front(side), Text()]
    return Group(*parts)


def _headline(content: SideBySide) -> Text:
    names = ", ".join(side.name for side in content.sides)
    head = Text.assemble((names, "bold"), " side by side")
    if content.unranked is None:
        objective = content.sides[0].history.objective
        better = "more" if objective.direction == "maximize" else "less"
        return head.append(f", by {objective.metric} on dev ({better} is better)")
    return head.append(f"\nnot ranked: {content.unranked}", style="yellow")


def _results(content: SideBySide) -> Table:
    """A line for each search."""
    ranked = content.unranked is None
    confirmed = any(side.confirmed is not None for side in content.sides)
    table = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
    table.add_column("search", no_wrap=True)
    again = ["confirmed ± sd", "on test", "n"] if confirmed else []
    for column in ("best dev ± se", "test", *again, "trials", "epochs"):
        table.add_column(column, justify="right", no_wrap=True)
    for rank, side in enumerate(content.sides, 1):
        scores = [_best(side, named=not ranked), score_text(side.test_value), *(_again(side) if confirmed else [])]
        effort = [of_planned(side.report.trials, side.report.planned), str(side.history.job.budget.epochs)]
        table.add_row(side.name, *scores, *effort, style="bold" if ranked and rank == 1 else None)
    return table


def _best(side: Side, *, named: bool) -> str:
    """The best value on dev with its standard error; with the metric where each search has its own."""
    if side.best_value is None:
        return NONE
    error = "" if side.dev_error is None else f" ± {score_text(side.dev_error)}"
    value = f"{score_text(side.best_value)}{error}{of_dev(side.report.dev_examples)}"
    return f"{side.report.metric if named else ''} {value}".strip()


def _again(side: Side) -> list[str]:
    """What its best configuration reaches on fresh seeds."""
    confirmed = side.confirmed
    count = NONE if confirmed is None else str(confirmed.n)
    return [spread_text(confirmed), spread_text(side.confirmed_test), count]


def _differences(content: SideBySide) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
    table.add_column("", overflow="fold")
    for side in content.sides:
        table.add_column(side.name, overflow="fold")
    for difference in content.differences:
        table.add_row(difference.place, *difference.values)
    return table


def _leaders_title(side: Side) -> Text:
    of = plural(len(side.report.leaderboard), "trial")
    return Text(f"the best {len(side.leaders)} of {side.name} ({of})", style="dim")


def _leaders(side: Side) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
    for column in ("#", "trial", side.report.metric, "epochs"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("configuration")
    for row in side.leaders:
        words = Folded(described(row.config, side.report.varied, row.inherited))
        table.add_row(str(row.rank), str(row.trial), result_text(row.best, row.dev_examples), str(row.epochs), words)
    return table


def _front(side: Side) -> Table:
    """What the first trials of its front, and the knee, have of every objective."""
    names = beside_names(side.history)
    table = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
    for column in ("trial", side.report.metric, *map(narrow_heading, names)):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("configuration")
    for index, row in enumerate(side.front):
        reached = {} if row.beside is None else row.beside.values
        is_knee = row.beside is not None and row.beside.is_knee
        if index < _FRONT or is_knee:
            words = Folded(f"{described(row.config, side.report.varied, row.inherited)}{' (knee)' if is_knee else ''}")
            paid = [cost_text(name, reached.get(name)) for name in names]
            table.add_row(str(row.trial), score_text(row.best), *paid, words, style="bold" if is_knee else None)
    return table
