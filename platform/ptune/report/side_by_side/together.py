"""Searches side by side, as one object that the terminal, the page and programs read. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ptune.record.dev_part import scored_on
from ptune.record.history import History
from ptune.report.findings import Findings
from ptune.report.side_by_side.differences import Difference, differences
from ptune.report.side_by_side.fairness import unfairness, why_unranked
from ptune.report.side_by_side.side import Side


@dataclass(frozen=True)
class SideBySide:
    """The searches, best first where they can be ranked, else as they were named."""

    sides: Sequence[Side]
    unranked: str | None
    """Why they are not ranked; None if they are."""
    unfair: Sequence[str]
    """What makes the comparison unfair, in sentences."""
    differences: Sequence[Difference]

    def to_json(self) -> Mapping[str, object]:
        """Everything as one JSON object."""
        names = [side.name for side in self.sides]
        return {
            "searches": [side.to_json() for side in self.sides],
            "ranked": self.unranked is None,
            "why_unranked": self.unranked,
            "unfair": list(self.unfair),
            "differences": {
                difference.place: dict(zip(names, difference.values, strict=True)) for difference in self.differences
            },
        }


def side_by_side(searches: Sequence[tuple[Findings, History]]) -> SideBySide:
    """The searches side by side: two or more."""
    sides = [Side(report, history) for report, history in searches]
    unranked = why_unranked(sides)
    if unranked is None:
        sides.sort(key=_place)
    headers = [side.history.header for side in sides]
    return SideBySide(sides, unranked, unfairness(sides, ranked=unranked is None), differences(headers))


def _place(side: Side) -> tuple[float, float]:
    """A search whose best is on more of dev comes before all others, and one without a result last."""
    best = side.history.best
    if best is None or side.best_value is None:
        return math.inf, 0.0
    return -scored_on(best.best_report), -side.history.objective.utility(side.best_value)
