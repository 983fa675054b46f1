"""A search of fewer trials than it has parameters to search."""

from __future__ import annotations

from ptune.diagnosis.diagnosis import Diagnosis
from ptune.diagnosis.edits import setting
from ptune.diagnosis.wording import counted
from ptune.record.history import History
from ptune.record.repetition import REPEATING

ENOUGH = 10
"""Trials for each searched parameter, a common rule for experiments (Loeppky, Sacks and Welch 2009)."""


def few_trials(history: History) -> list[Diagnosis]:
    """The diagnosis of a search that cannot tell its parameters apart.

    With no more trials than parameters, not even effects that only add up can be told from each other.
    """
    budget = history.job.budget
    planned = history.planned
    limited = history.header.confirms is not None or history.limit is not None or budget.sampler == "grid"
    if limited or planned is None:
        return []
    folds = history.job.task.folds
    tried, what = planned // folds, "trial" if folds == 1 else "configuration"
    searched = [name for name in history.job.space.searched if name not in REPEATING]
    if tried > len(searched):
        return []
    text = f"{counted(tried, what)} {'is' if tried == 1 else 'are'} too few to tell "
    text += f"{counted(len(searched), 'searched parameter')} apart."
    return [
        Diagnosis(
            kind="few_trials",
            severity="advice",
            text=text,
            advice="try more configurations",
            typed=setting("budget.trials", ENOUGH * len(searched)),
            parameters=searched,
            evidence={"trials": float(tried), "parameters": float(len(searched))},
        )
    ]
