"""What the sampler of a search sees of its trials where several objectives count, or bounds that results may break.

Optuna knows no partial results of several objectives, so a sampler sees every trial that has reported as complete, with
what it has come to so far. A trial that has failed is seen with the worst of all, and a trial outside of the bounds
with how far outside it is, which Optuna calls a constraint. What a sampler sees follows from the trials alone, so a
rebuilt study proposes what the original would have proposed.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Container, Sequence
from typing import Any

from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from ptune.record.front import Standing, fronts

BEST = 100
"""Trials that a sampler sees, of those that stand best, however long ago they trained."""
LATEST = 225
"""Latest trials that it sees beside them."""


class VectorMemory(InMemoryStorage):  # type: ignore[misc]  # Optuna is not type-checked here
    """A storage that lists trials with what they have come to so far; `get_trial` answers with a trial's own state.

    Args:
        keeps_notes: whether notes of a sampler are kept: for a user's own alone, since no journal brings them back.
    """

    def __init__(self, *, keeps_notes: bool) -> None:
        super().__init__()
        self._keeps_notes = keeps_notes
        self._standings: dict[int, Standing] = {}  # by number
        self._listed: list[FrozenTrial] | None = None

    def note(self, trial_id: int, epoch: int, standing: Standing) -> None:  # noqa: ARG002 - as every memory has it
        """Note how a trial stands after an epoch."""
        self._standings[self.get_trial(trial_id).number] = standing
        self._listed = None

    def reached(self, trial_id: int) -> Sequence[float]:
        """The utilities that a trial has come to; it has reported."""
        return self._standings[self.get_trial(trial_id).number].utilities

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The listed trials of a study in order of number, each as far as it is known."""
        if states == (TrialState.WAITING,):
            return list(super().get_all_trials(study_id, deepcopy, states))
        if self._listed is None:
            self._listed = self._list(super().get_all_trials(study_id, deepcopy=False))
        trials = [trial for trial in self._listed if states is None or trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Add a trial; the next listing has it."""
        self._listed = None
        return int(super().create_new_trial(study_id, template_trial))

    def set_trial_param(self, trial_id: int, *parameter: Any) -> None:
        """Note a parameter; the next listing has it."""
        self._listed = None
        super().set_trial_param(trial_id, *parameter)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """Note how a trial has ended."""
        self._listed = None
        return bool(super().set_trial_state_values(trial_id, state, values))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keep notes for a user's own sampler alone."""
        if self._keeps_notes:
            super().set_trial_system_attr(trial_id, key, value)

    def _list(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """The latest trials and the best of the others, as a sampler is to see them."""
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
