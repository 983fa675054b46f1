"""Trials of one configuration, which differ in the data they saw and in their seeds alone."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ptune.record.dev_part import scored_on
from ptune.record.events import Metrics
from ptune.record.repetition import repetition, without_repetition
from ptune.record.spread import Spread
from ptune.spec.trial import Config

if TYPE_CHECKING:
    from ptune.record.history import TrialRecord


@dataclass(frozen=True)
class Configuration:
    """Trials of one configuration, on different data splits or seeds."""

    config: Config
    """What they have in common."""
    trials: list[TrialRecord]
    """At least one, each with a result, by number."""

    @property
    def compared(self) -> list[TrialRecord]:
        """Those of its trials that are scored on the most of dev; the others do not count."""
        most = max(map(_scored_on, self.trials))
        return [trial for trial in self.trials if _scored_on(trial) == most]

    @property
    def scored_on(self) -> float:
        """How many dev examples these are scored on; infinite for all of dev."""
        return _scored_on(self.compared[0])

    @property
    def dev_examples(self) -> int | None:
        """On how many dev examples these are scored, if on a part of them; None for all of dev."""
        return self.compared[0].dev_examples

    @property
    def spread(self) -> Spread:
        """Of the best value of the objective's metric that each compared trial reached on dev."""
        return Spread.of([value for trial in self.compared if (value := trial.best_value) is not None])

    @property
    def inherited(self) -> str | None:
        """From which trials those of its own inherit that do; None if none does."""
        parents = sorted({trial.inherited.trial for trial in self.trials if trial.inherited is not None})
        if not parents:
            return None
        return f"inherits {'trial' if len(parents) == 1 else 'trials'} {', '.join(map(str, parents))}"

    @property
    def folds(self) -> int:
        """How many different parts of the data its trials leave out or draw, at least 1."""
        return len({trial.config.get("split") for trial in self.trials})

    @property
    def mean_report(self) -> Metrics:
        """The means of what its compared trials report of their best epochs, of every metric that all of them have.

        Of the objective's metric, it is the mean of what they are judged by.
        """
        reports = [trial.best_report for trial in self.compared]
        shared = [name for name in reports[0] if all(name in report for report in reports)]
        means = {name: statistics.fmean(report[name] for report in reports) for name in shared}
        return means | {self.trials[0].objective.metric: self.spread.mean}


def grouped(ranked: Sequence[TrialRecord], folds: int, *, by_mean: bool) -> list[Configuration]:
    """Ranked trials, those of one configuration together.

    Args:
        ranked: the trials, best first.
        folds: how many trials a configuration has by itself; one that was stopped on some of them comes behind.
        by_mean: whether the best mean comes first, and not the best trial's; ties go to the earlier configuration. What
            is scored on more of dev comes before all others.
    """
    members: dict[str, dict[object, TrialRecord]] = {}
    for trial in sorted(ranked, key=lambda trial: trial.number):
        key = json.dumps(without_repetition(trial.config), sort_keys=True)
        # A fold that a user has trained once more is no further fold.
        place = trial.number if folds == 1 else repetition(trial.config)
        members.setdefault(key, {}).setdefault(place, trial)
    groups = [[*places.values()] for places in members.values()]
    configurations = [Configuration(without_repetition(trials[0].config), trials) for trials in groups]
    ranks = {trial.number: rank for rank, trial in enumerate(ranked)}

    def order(group: Configuration) -> tuple[bool, float, float]:
        lacks = folds > 1 and sum(trial.status != "stopped" for trial in group.trials) < folds
        if not by_mean:
            return lacks, 0.0, min(ranks[trial.number] for trial in group.trials)
        return lacks, -group.scored_on, -group.trials[0].objective.utility(group.spread.mean)

    return sorted(configurations, key=order)


def _scored_on(trial: TrialRecord) -> float:
    return scored_on(trial.best_report)
