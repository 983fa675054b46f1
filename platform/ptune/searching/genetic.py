"""NSGA-II and NSGA-III as an asynchronous search needs them: every child has the best trials up to then as parents.

Optuna's samplers wait for a whole generation, and note with each trial which generation it belongs to. Here trials end
at different times, and the journal is the only record, so the population is what the selection of each algorithm keeps
of all trials that are known, and it is selected anew for every child: Nebro and Durillo 2009, "On the Effect of the
Steady-State Selection Scheme in Multi-Objective Genetic Algorithms". Selection, crossover and mutation are Optuna's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import NSGAIIISampler, NSGAIISampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

Point = Mapping[str, Any]
"""Values of Optuna's parameters."""
_TRIES = 10  # children that are drawn before a point is proposed at random, because each of them has been tried


class _SteadyState:
    """Lets a sampler of Optuna's take parents from all known trials; until some are known, it proposes at random.

    Args:
        seed: of its random numbers.
        startup: trials that have to be known; twice as many are the population.
    """

    def __init__(self, seed: int, startup: int) -> None:
        super().__init__(population_size=2 * startup, seed=seed)  # type: ignore[call-arg]  # of Optuna's class
        self._startup = startup

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,  # noqa: ARG002 - as Optuna calls it
        search_space: dict[str, BaseDistribution],
    ) -> Point:
        """A child of the population; a parameter that mutates is left out, and so is drawn at random."""
        known = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
        if not search_space or len(known) < self._startup:
            return {}
        parents = self._elite_population_selection_strategy(study, known)  # type: ignore[attr-defined]
        tried = [{name: parent.params[name] for name in search_space} for parent in known]
        for _ in range(_TRIES):
            child: Point = self._child_generation_strategy(study, search_space, parents)  # type: ignore[attr-defined]
            if child not in tried:
                return child
        return {}


class SteadyNsga2(_SteadyState, NSGAIISampler):  # type: ignore[misc]  # Optuna is not type-checked here
    """NSGA-II: fronts, and within one those that are least crowded (Deb et al. 2002)."""


class SteadyNsga3(_SteadyState, NSGAIIISampler):  # type: ignore[misc]  # Optuna is not type-checked here
    """NSGA-III: fronts, and within one those nearest to directions that cover all objectives (Deb and Jain 2014)."""
