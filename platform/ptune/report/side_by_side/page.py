"""Searches side by side as one HTML page that needs nothing beside itself. Pure: from `SideBySide` to text."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from ptune.record.history import History
from ptune.record.wording import NONE, described
from ptune.report.charts.compared import best_curves
from ptune.report.html import number, paragraph, table, words
from ptune.report.page import compose
from ptune.report.side_by_side.side import Side
from ptune.report.side_by_side.together import SideBySide
from ptune.report.tables import front_table
from ptune.report.wording import of_planned, result_text, score_text, spread_text


def page(content: SideBySide) -> str:
    """The page."""
    title = " and ".join(side.name for side in content.sides)
    return compose(
        title,
        f"<h1>{escape(title)}</h1>{_standing(content)}",
        [
            ("Results", _results(content)),
            ("Beware", _notes(content)),
            ("Curves of the best", None if _metrics_differ(content) else best_curves(_histories(content))),
            ("What differs", _differences(content)),
            *((f"The best of {side.name}", _leaders(side)) for side in content.sides),
            *((f"The front of {side.name}", _front(side)) for side in content.sides if side.front),
        ],
    )


def _standing(content: SideBySide) -> str:
    if content.unranked is not None:
        return paragraph(f"Not ranked: {content.unranked}.", "flag")
    objective = content.sides[0].history.objective
    better = "more" if objective.direction == "maximize" else "less"
    return paragraph(f"by {objective.metric} on dev; {better} is better", "soft")


def _metrics_differ(content: SideBySide) -> bool:
    return len({side.report.metric for side in content.sides}) > 1


def _histories(content: SideBySide) -> Mapping[str, History]:
    return {side.name: side.history for side in content.sides}


def _results(content: SideBySide) -> str:
    rows = [
        [
            words(side.name),
            words(side.report.metric),
            number(result_text(side.best_value, side.report.dev_examples), side.best_value),
            number(score_text(side.dev_error)),
            number(score_text(side.test_value)),
            number(spread_text(side.confirmed)),
            number(spread_text(side.confirmed_test)),
            number(NONE if side.confirmed is None else str(side.confirmed.n)),
            number(of_planned(side.report.trials, side.report.planned)),
            words(_best(side)),
        ]
        for side in content.sides
    ]
    columns = ["search", "metric", "best on dev", "standard error", "test", "confirmed on dev", "confirmed on test"]
    columns += ["n", "trials", "best configuration"]
    return table(columns, rows, best=content.unranked is None, caption="What each search came to")


def _best(side: Side) -> str:
    report = side.report
    best = report.best
    return NONE if best is None else f"trial {best.trial}: {described(best.config, report.varied, report.inherited)}"


def _notes(content: SideBySide) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in content.unfair)
    return f"<ul>{items}</ul>" if items else ""


def _differences(content: SideBySide) -> str:
    rows = [[words(difference.place), *map(words, difference.values)] for difference in content.differences]
    return table(["setting", *(side.name for side in content.sides)], rows, caption="Settings that are not the same")


def _leaders(side: Side) -> str:
    rows = [
        [
            number(str(row.rank)),
            number(str(row.trial)),
            number(result_text(row.best, row.dev_examples), row.best),
            number(str(row.epochs)),
            words(described(row.config, side.report.varied, row.inherited)),
        ]
        for row in side.leaders
    ]
    return table(["#", "trial", side.report.metric, "epochs", "configuration"], rows, best=True)


def _front(side: Side) -> str:
    return front_table(side.report, [row.trial for row in side.front])
