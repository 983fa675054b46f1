"""Population-based training: each new trial goes on from the prompt of one of the best trials, with other values.

A trial is one interval of a prompt's training, as long as the horizon. The first trials are drawn like any others and
begin afresh. Once as many have ended as the population has members, every trial exploits and explores (Jaderberg et al.
2017, "Population Based Training of Neural Networks", arXiv 1711.09846, section 4.1.1). Its parent is drawn from the
best that can hand on their prompts, as many as a quarter of those that have ended, and no more than the members. Its
values are perturbed.

There, a population trains side by side, and whoever is not among its last goes on unchanged. Here, trials are begun one
by one, whenever a slot is free, as in a steady-state genetic algorithm. A trial that went on unchanged would pass for a
repetition of its parent. What is proposed follows from the trials that have ended, the seed and the number of the
trial. Of those under way, it follows only that their values are not tried twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice

import numpy as np

from ptune.errors import SpecError
from ptune.record.history import FINAL, History, TrialRecord
from ptune.record.ranking import ranked
from ptune.searching.expected import power_of
from ptune.searching.perturb import perturbed
from ptune.spec.budget import startup_of
from ptune.spec.configuration import complete
from ptune.spec.space import Space
from ptune.spec.starts import fits_into
from ptune.spec.trial import Config

_BEST = 0.25
"""The share of the trials that have ended which may be parents."""
_TRIES = 10


def population_of(history: History, space: Space, trials: int) -> Population | None:
    """The population of a search that trains one; None for others.

    Args:
        history: the search, live.
        space: its resolved space.
        trials: that its budget has room for.
    """
    return Population(history, space, startup_of(trials)) if history.job.budget.sampler == "pbt" else None


class Population:
    """Proposes trials that go on from others.

    Args:
        history: the search, live.
        space: its resolved space.
        size: trials that have to end before others go on from them, and the most that may be parents.
    """

    def __init__(self, history: History, space: Space, size: int) -> None:
        self._history = history
        self._space = space
        self._size = size

    def children(self, number: int) -> Iterator[tuple[TrialRecord, Config]]:
        """Parents in the order in which they are drawn, each with the values of a trial that would go on from it.

        There are none before enough trials have ended with a result, and where no prompt of theirs can be taken up.

        Args:
            number: of the new trial among those that the search suggests itself; it chooses the random numbers.
        """
        ended = ranked(trial for trial in self._history.trials.values() if trial.status in FINAL)
        if len(ended) < self._size:
            return
        draws = np.random.default_rng([self._history.job.seed, number])
        power = power_of(number) if self._space.expected else 0.0
        able = ((parent, child) for parent in ended if (child := self._child(parent.config, draws, power)) is not None)
        best = list(islice(able, min(self._size, math.ceil(_BEST * len(ended)))))
        for place in draws.permutation(len(best)):
            yield best[place]

    def _child(self, parent: Config, draws: np.random.Generator, power: float) -> Config | None:
        """The values of a trial into whose prompt another one's fits, new if there are such; None if there are none."""
        job, layers, child = self._history.job, self._history.header.backbone.layers, None
        for _ in range(_TRIES):
            values = perturbed(self._space, parent, draws, power)
            try:
                config = complete(values, job, layers)
            except SpecError:
                continue
            if not fits_into(parent, config, job.task, layers):
                break
            child = values
            if all(config != trial.config for trial in self._history.trials.values()):
                break
        return child
