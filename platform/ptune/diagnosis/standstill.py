"""Prompts that hardly moved from where they started, so that the backbone sees what it saw before training."""

from __future__ import annotations

from ptune.diagnosis.diagnosis import Diagnosis
from ptune.diagnosis.rates import remedy
from ptune.diagnosis.wording import among
from ptune.record.history import History, TrialRecord

HARDLY = 0.01
"""A prompt has hardly moved while its distance from its start is less than this share of the start's length. Adam moves
each element by about the learning rate in a step, so a prompt that starts at N(0, 0.02) is past it after a few steps
at any rate that prompts are trained with."""


def moved(trial: TrialRecord) -> float | None:
    """The farthest that a trial's prompt has been from its start; None where that was not measured."""
    return max((report["prompt_moved"] for report in trial.reports if "prompt_moved" in report), default=None)


def stood_still(history: History) -> list[TrialRecord]:
    """The trials whose prompt hardly moved, unless a start or a backbone that trains answers for it."""
    if history.job.start is not None:  # a prompt that was trained before may be good where it starts
        return []
    return [
        trial
        for trial in history.ranked()
        if (distance := moved(trial)) is not None and distance < HARDLY and trial.config.get("backbone_lr") is None
    ]


def standstill(history: History) -> list[Diagnosis]:
    """The diagnosis of a search in which the best prompt, or at least half of them, hardly moved."""
    measured = [trial for trial in history.ranked() if moved(trial) is not None]
    still = stood_still(history)
    if not still or (2 * len(still) < len(measured) and measured[0] is not still[0]):
        return []
    numbers = sorted(trial.number for trial in still)
    farthest = max(moved(trial) or 0.0 for trial in still)
    cure = remedy(history, still, [trial for trial in measured if trial not in still], "too low", farthest)
    text = f"The prompt of {among(numbers, len(measured))} hardly moved from its start: by {farthest:.2g} of its length"
    return [
        Diagnosis(
            kind="standstill",
            severity="problem",
            text=f"{text} at most. {cure.text}",
            advice=cure.advice,
            typed=cure.typed,
            trials=numbers,
            parameters=["lr"],
            evidence={"farthest": farthest, "threshold": HARDLY},
        )
    ]
