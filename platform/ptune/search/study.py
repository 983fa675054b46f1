"""The Optuna study of a search: what has been tried, and what to try next.

Kept in memory, because the journal is the record and the study one of its projections. Each suggestion depends on
the seed, the trial's number and what the study holds, on nothing else; so a study rebuilt from the journal proposes
what the original would have. Knows no rungs and no files.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Mapping
from typing import Any, Literal

import numpy as np
import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from ptune.history import FINAL, History, Status
from ptune.search.suggest import ask, quiet
from ptune.spec.space import Space


class Study:
    """An Optuna study that maximises, addressed by the search's own trial numbers 0, 1, 2, ...

    Args:
        space: a resolved search space.
        sampler: how configurations are proposed; a grid's are all stated, and none is.
        seed: seed of the search.
        trials: how many trials the search will have; TPE starts to model after a third of them, 4 to 10.
    """

    def __init__(self, space: Space, sampler: Literal["tpe", "random", "grid"], seed: int, trials: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = space
        self._sampler = sampler
        self._seed = seed
        self._startup = min(10, max(4, trials // 3))
        self._storage = _Memory()
        self._held = 0
        self._study = optuna.create_study(storage=self._storage, direction="maximize")

    def ask(self, number: int, point: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Choose the configuration of the next trial: the parameters that exist in it, without defaults.

        Args:
            number: the trial's number; the study holds the trials 0 to number - 1.
            point: values to take as they are; the parameters it leaves out are proposed.
        """
        with quiet():
            self._study.sampler = self._seeded_sampler(number)
        assert number == self._held, f"trial {number} was asked for; the study holds {self._held}"
        self._held += 1
        return ask(self._study, self._space, point)

    def report(self, number: int, epoch: int, value: float) -> None:
        """Take in the metric (finite, higher is better) a running trial reached in an epoch.

        The study keeps the best value up to each epoch, the figure by which rungs and leaderboard rank too.
        """
        best = max([value, *self._storage.get_trial(self._id(number)).intermediate_values.values()])
        self._storage.set_trial_intermediate_value(self._id(number), epoch, best)

    def tell(self, number: int, status: Status) -> None:
        """Close a trial: `complete` with its best value, `stopped` as pruned where it stands, `failed` without."""
        match status:
            case "complete":
                values = self._storage.get_trial(self._id(number)).intermediate_values.values()
                self._study.tell(number, max(values))
            case "stopped":
                self._study.tell(number, state=TrialState.PRUNED)
            case "failed":
                self._study.tell(number, state=TrialState.FAIL)
            case _:
                raise ValueError(f"a trial is closed as one of {sorted(FINAL)}, got {status!r}")

    def replay(self, history: History) -> None:
        """Take in every trial of a search's history, closed or not; the study must be empty."""
        for number, trial in sorted(history.trials.items()):
            self.ask(number, trial.config)
            for epoch, metrics in enumerate(trial.reports, 1):
                self.report(number, epoch, metrics[history.metric])
            if trial.status in FINAL:
                self.tell(number, trial.status)

    def states(self) -> list[str]:
        """The state of every trial in Optuna's words: RUNNING, COMPLETE, PRUNED or FAIL."""
        return [self._storage.get_trial(self._id(number)).state.name for number in range(self._held)]

    def _seeded_sampler(self, number: int) -> optuna.samplers.BaseSampler:
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        if self._sampler != "tpe":
            return optuna.samplers.RandomSampler(seed=seed)
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=self._startup, multivariate=True, group=True, constant_liar=True
        )

    def _id(self, number: int) -> int:
        study_id = self._storage.get_study_id_from_name(self._study.study_name)
        return int(self._storage.get_trial_id_from_study_id_trial_number(study_id, number))


class _Memory(InMemoryStorage):  # type: ignore[misc]  # Optuna is not type-checked here
    """A storage that lists every trial as far as it is known, which is what samplers read.

    A trial that has reported is listed as pruned at its latest epoch, although it is running or waits at a rung:
    under successive halving few trials ever complete, and a sampler that waits for those learns nothing for most
    of a search. A failed trial is listed as pruned before its first epoch, the worst rank there is: samplers
    overlook failures and would go on proposing learning rates that diverge. Only a trial that has not
    reported is listed as running, for the constant liar. `get_trial` answers with the trial's own state.
    """

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials of a study in order of number, each as far as it is known."""
        if states == (TrialState.WAITING,):
            return list(super().get_all_trials(study_id, deepcopy, states))
        trials = [_as_known(trial) for trial in super().get_all_trials(study_id, deepcopy)]
        return trials if states is None else [trial for trial in trials if trial.state in states]

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keep no notes: TPE notes values for inactive parameters too, which no journal could bring back."""


def _as_known(trial: FrozenTrial) -> FrozenTrial:
    reported = trial.state == TrialState.RUNNING and trial.intermediate_values
    if not reported and trial.state != TrialState.FAIL:
        return trial
    known = copy.copy(trial)
    known.state = TrialState.PRUNED
    if trial.state == TrialState.FAIL:
        known.intermediate_values = {}
    return known
