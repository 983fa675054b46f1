"""What the sampler of a search sees of its trials where several objectives count, or bounds that results may break.

Optuna knows no partial results of several objectives, so a sampler sees every trial that has reported as complete, with
what it has come to so far. A trial that has failed is seen with the worst of all, and a trial outside of the bounds
with how far outside it is, which Optuna calls a constraint. What a sampler sees follows from the trials alone, so a
rebuilt study proposes what the original would have proposed.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from ptune.record.front import Standing, fronts
from ptune.searching.listed import ListedMemory

BEST = 100
"""Trials that a sampler sees, of those that stand best, however long ago they trained."""
LATEST = 225
"""Latest trials that it sees beside them."""


class VectorMemory(ListedMemory):
    """A storage that lists trials with what they have come to so far."""

    def __init__(self, *, keeps_notes: bool) -> None:
        super().__init__(keeps_notes=keeps_notes)
        self._standings: dict[int, Standing] = {}  # by number

    def note(self, trial_id: int, epoch: int, standing: Standing) -> None:  # noqa: ARG002 - as every memory has it
        """Note how a trial stands after an epoch."""
        self._standings[self.get_trial(trial_id).number] = standing
        self._listed = None

    def reached(self, trial_id: int) -> Sequence[float]:
        """The utilities that a trial has come to; it has reported."""
        return self._standings[self.get_trial(trial_id).number].utilities

    def _list(self, study_id: int) -> list[FrozenTrial]:
        """The latest trials and the best of the others, as a sampler is to see them."""
        trials = self._own_trials(study_id)
        older, latest = trials[:-LATEST], trials[-LATEST:]
        known = {trial.number: self._standings[trial.number] for trial in older if self._is_known(trial)}
        best = set([number for layer in fronts(known) for number in layer][:BEST])
        shown = [*(trial for trial in older if trial.number in best), *latest]
        worst = self._worst(shown)
        return [self._as_seen(trial, worst) for trial in shown]

    def _is_known(self, trial: FrozenTrial) -> bool:
        return trial.state != TrialState.FAIL and trial.number in self._standings

    def _worst(self, trials: Sequence[FrozenTrial]) -> list[float] | None:
        """The least finite utility in every objective; None before the first report."""
        known = [self._standings[trial.number].utilities for trial in trials if self._is_known(trial)]
        columns = zip(*known, strict=True)
        return [min((value for value in column if math.isfinite(value)), default=0.0) for column in columns] or None

    def _as_seen(self, trial: FrozenTrial, worst: Sequence[float] | None) -> FrozenTrial:
        """A trial as complete with what is known of it; before its first report it runs."""
        if worst is None or not (self._is_known(trial) or trial.state == TrialState.FAIL):
            return trial
        standing = self._standings[trial.number] if self._is_known(trial) else Standing(tuple(worst))
        seen = copy.copy(trial)
        seen.state = TrialState.COMPLETE
        seen.values = [max(value, least) for value, least in zip(standing.utilities, worst, strict=True)]
        seen.system_attrs = {**trial.system_attrs, "constraints": [standing.violation]}
        return seen
