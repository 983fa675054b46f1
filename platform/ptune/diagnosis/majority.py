"""Trials that do no better than the commonest answer, always given."""

from __future__ import annotations

from collections.abc import Sequence

from ptune.diagnosis.diagnosis import Diagnosis
from ptune.diagnosis.edits import setting
from ptune.diagnosis.rates import Fault, Remedy, remedy
from ptune.diagnosis.standstill import moved, stood_still
from ptune.diagnosis.wording import among
from ptune.record.constant import is_constant
from ptune.record.history import FINAL, History, TrialRecord
from ptune.record.objective import Objective
from ptune.record.wording import value_text
from ptune.spec.protocol import majority_metric

CHANCE = 0.025
"""How often trials drawn by lot may be parted by a rate from one side, where a rate is said to part them."""
NEAR = 1.0
FAR = 10_000.0
"""Lengths of its start. A prompt that learnt nothing and stayed nearer than the first had too low a rate; one that is
farther away than the second was thrown off by too high a one. In between, prompts learn: in the quickstart, those of
v2 come 10 to 50 lengths far, and those of an LSTM, whose start is short, a thousand."""


def at_majority(history: History, trial: TrialRecord) -> bool:
    """Whether a trial answers every dev example alike, or scores no better than always giving the commonest answer."""
    best = trial.best_report
    metric = majority_metric(history.job.task.kind)
    baseline, value = best.get("majority_baseline"), best.get(metric)
    beaten = baseline is None or value is None or Objective.in_metric(metric).is_better(value, baseline)
    return is_constant(best) or not beaten


def majority(history: History) -> list[Diagnosis]:
    """The diagnosis of a search in which no final trial, or at most half of them, is better than the commonest answer.

    If some are, it speaks only if the learning rate parts them from the others: bad configurations are what a search is
    for. Trials whose prompt hardly moved have a diagnosis of their own, and trials that train nothing are left out.
    """
    trained = [
        trial
        for trial in history.ranked()
        if trial.status in FINAL and trial.best_report.get("trainable_parameters") != 0.0
    ]
    still = stood_still(history)
    members = [trial for trial in trained if at_majority(history, trial) and trial not in still]
    learning = [trial for trial in trained if trial not in members and trial not in still]
    if not members or 2 * len(members) < len(trained):
        return []
    cure = _parting(history, members, learning) if learning else _for_all(history, members)
    if cure is None:
        return []
    numbers = sorted(trial.number for trial in members)
    text = f"{among(numbers, len(trained)).capitalize()} {'does' if len(numbers) == 1 else 'do'} no better than "
    text += f"{history.job.task.always}, always given{_baseline(history, members)}. {cure.text}".strip()
    return [
        Diagnosis(
            kind="majority",
            severity="advice" if learning else "problem",
            text=text,
            advice=cure.advice,
            typed=cure.typed,
            trials=numbers,
            parameters=list(cure.parameters),
            evidence={"trials": float(len(trained)), "at_majority": float(len(numbers))},
        )
    ]


def _parting(history: History, members: Sequence[TrialRecord], learning: Sequence[TrialRecord]) -> Remedy | None:
    """What to do about the rate that parts them from the trials that learn; None if none does, but by chance."""
    faults: tuple[Fault, Fault] = ("too high", "too low")
    cures = [remedy(history, members, learning, fault) for fault in faults]
    return next((cure for cure in cures if cure.chance <= CHANCE), None)


def _for_all(history: History, members: Sequence[TrialRecord]) -> Remedy:
    """What to try where no trial learns."""
    distances = [distance for trial in members if (distance := moved(trial)) is not None]
    if distances and min(distances) > FAR:
        cure = remedy(history, members, [], "too high", min(distances))
        text = (
            f"Every prompt is far from its start, by {value_text(min(distances))} times its length or more. {cure.text}"
        )
        return Remedy(text, cure.advice, cure.typed)
    if distances and max(distances) < NEAR:
        cure = remedy(history, members, [], "too low", max(distances))
        text = f"Every prompt is near its start, by {value_text(max(distances))} of its length or less. {cure.text}"
        return Remedy(text, cure.advice, cure.typed)
    return Remedy("", "train longer", setting("budget.epochs", 2 * history.job.budget.epochs), parameters=["epochs"])


def _baseline(history: History, members: Sequence[TrialRecord]) -> str:
    """The score of that answer, in brackets; nothing where the task has none."""
    value = members[0].best_report.get("majority_baseline")
    return "" if value is None else f" ({majority_metric(history.job.task.kind)} {value_text(value)})"
