"""What trials have come to beside the metric, as people and programs are shown it; nothing of a search without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ptune.record.history import History, TrialRecord
from ptune.record.standing import measured
from ptune.spec.trial import Scalar


@dataclass(frozen=True)
class Beside:
    """One trial, beside its metric."""

    values: Mapping[str, float]
    """Of every objective beside the metric, and of what has a bound, as far as it is known."""
    on_front: bool
    """Whether no other trial beats it."""
    is_knee: bool
    """Whether it is the knee of the front."""
    broken: Sequence[str]
    """The bounds that it breaks, in words."""

    @property
    def mark(self) -> str:
        """What it is, in a word or two; empty for most trials."""
        if self.broken:
            return f"breaks a bound: {'; '.join(self.broken)}"
        return "front, knee" if self.is_knee else "front" if self.on_front else ""

    def to_json(self) -> dict[str, Scalar | None]:
        """A flat record, with the values under their names."""
        return {**self.values, "front": self.on_front, "knee": self.is_knee, "broken": "; ".join(self.broken) or None}


def beside_names(history: History) -> list[str]:
    """The costs and metrics that count beside the metric, as objectives or by a bound."""
    objectives = history.objectives
    return [] if objectives is None else list(dict.fromkeys([*objectives.beside, *objectives.bounded]))


def besides(history: History) -> dict[int, Beside]:
    """What every trial with a result has come to beside its metric, by number; empty where the metric counts alone."""
    if history.objectives is None:
        return {}
    front, names = history.front, beside_names(history)
    numbers = set() if front is None else set(front.numbers)

    def of(trial: TrialRecord) -> Beside:
        values = measured(names, trial.config, trial.reports, trial.best_report, trial.reports_per_epoch)
        is_knee = front is not None and trial.number == front.knee.number
        return Beside(values, trial.number in numbers, is_knee, trial.broken)

    return {trial.number: of(trial) for trial in history.trials.values() if trial.best_value is not None}


def front_json(history: History) -> list[Mapping[str, Scalar | None]] | None:
    """The front as flat records, the best in the metric first; None where the metric counts alone."""
    front, reached, metric = history.front, besides(history), history.objective.metric
    if front is None:
        return None
    return [
        {"trial": trial.number, metric: trial.best_value, **reached[trial.number].values, "knee": trial is front.knee}
        for trial in front.trials
    ]
