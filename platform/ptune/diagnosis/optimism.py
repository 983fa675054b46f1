"""The best prompt is worse on test than on dev, by more than the two splits' sizes explain."""

from __future__ import annotations

import math

from ptune.diagnosis.diagnosis import Diagnosis
from ptune.record.history import History
from ptune.record.standard_error import standard_error
from ptune.record.wording import value_text

ERRORS = 2.0
"""How many standard errors of the difference the test score has to lie below the dev score."""


def optimism(history: History) -> list[Diagnosis]:
    """The diagnosis of a search that was lucky on dev; the best of many trials always is, a little."""
    best, value = history.best, history.best_value
    tested = None if history.ended is None else history.ended.test
    metric = history.objective.metric
    if best is None or value is None or tested is None or metric not in tested:
        return []
    errors = [
        standard_error(history.header, best.best_report, "dev"),
        standard_error(history.header, tested, "test"),
    ]
    known = [error for error in errors if error is not None]
    gap = history.objective.utility(value) - history.objective.utility(tested[metric])
    if len(known) < len(errors) or gap <= ERRORS * math.hypot(*known):
        return []
    error = math.hypot(*known)
    text = f"The best prompt scores {value_text(value)} on dev and {value_text(tested[metric])} on test. "
    text += (
        f"That is {gap / error:.1f} standard errors of the difference: the dev score is lucky, or the splits differ."
    )
    return [
        Diagnosis(
            kind="optimism",
            severity="advice",
            text=text,
            advice="trust the test score, and repeat the best on fresh seeds",
            typed=f"ptune confirm {history.header.name} --top 3 --seeds 5",
            trials=[best.number],
            evidence={"dev": value, "test": tested[metric], "standard_error": error},
        )
    ]
