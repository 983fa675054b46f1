"""A storage of Optuna's that decides itself which trials a sampler sees, and how."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Container, Sequence
from typing import Any

from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState


class ListedMemory(InMemoryStorage):  # type: ignore[misc]  # Optuna is not type-checked here
    """A storage that lists trials as a sampler should see them; `get_trial` answers with a trial's own state.

    Args:
        keeps_notes: whether notes of a sampler are kept: for a user's own alone, since no journal brings them back.
    """

    def __init__(self, *, keeps_notes: bool) -> None:
        super().__init__()
        self._keeps_notes = keeps_notes
        self._listed: list[FrozenTrial] | None = None
        """What was listed last; None once something has changed."""

    @abstractmethod
    def _list(self, study_id: int) -> list[FrozenTrial]:
        """The trials that a sampler sees, in order of number, each as far as it is known."""

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The listed trials of a study in order of number, each as far as it is known."""
        if states == (TrialState.WAITING,):
            return self._own_trials(study_id, deepcopy, states)
        if self._listed is None:
            self._listed = self._list(study_id)
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
        """Note how a trial has ended; the next listing has it."""
        self._listed = None
        return bool(super().set_trial_state_values(trial_id, state, values))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keep notes for a user's own sampler alone."""
        if self._keeps_notes:
            super().set_trial_system_attr(trial_id, key, value)

    def _own_trials(
        self, study_id: int, deepcopy: bool = False, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Trials in their own states."""
        return list(super().get_all_trials(study_id, deepcopy, states))
