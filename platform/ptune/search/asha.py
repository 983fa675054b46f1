"""Asynchronous successive halving: which trial goes on from a rung. Pure logic, without clock, files or Optuna.

The promotion-type algorithm of Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2
(arXiv 1810.05934): a trial rests at a rung until it is among the best 1/eta of those that reached it. The stopping
variant decides once, against whoever came earlier; resting is nearly free here, because a prompt's state is small.

What ranks at a rung is a trial's best value up to it. The search is judged by the best epoch of its best trial, so
the leader of a search leads every rung it reaches and always arrives at the horizon; one noisy epoch at
a rung costs nobody their place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ptune.spec.job import Asha, FullBudget


class Rungs:
    """The rungs of a search below its horizon, and who has reached and left each.

    Args:
        epochs: the rungs, as numbers of finished epochs, ascending.
        eta: one in eta trials goes on from a rung.
    """

    def __init__(self, epochs: Sequence[int], eta: int) -> None:
        self.epochs = tuple(epochs)
        self.eta = eta
        self._values: dict[int, dict[int, float]] = {rung: {} for rung in self.epochs}
        self._promoted: dict[int, set[int]] = {rung: set() for rung in self.epochs}

    @classmethod
    def of(cls, stopping: Asha | FullBudget, horizon: int) -> Rungs:
        """The rungs at grace, grace*eta, grace*eta**2, ... below the horizon; none without early stopping."""
        if isinstance(stopping, FullBudget):
            return cls((), eta=1)
        epochs = []
        rung = stopping.grace
        while rung < horizon:
            epochs.append(rung)
            rung *= stopping.eta
        return cls(epochs, stopping.eta)

    def record(self, trial: int, rung: int, value: float) -> None:
        """Note that a trial reached a rung with `value`, its best so far; a value that is not finite never ranks."""
        if math.isfinite(value):
            self._values[rung][trial] = value

    def promote(self, trial: int, rung: int) -> None:
        """Note that a trial goes on from a rung."""
        self._promoted[rung].add(trial)

    def discard(self, trial: int) -> None:
        """Forget a trial that failed, so that the next best moves up."""
        for rung in self.epochs:
            self._values[rung].pop(trial, None)
            self._promoted[rung].discard(trial)

    def reached(self, rung: int) -> int:
        """How many trials have reached a rung."""
        return len(self._values[rung])

    def promotable(self, drain: bool = False) -> tuple[int, int] | None:
        """The next trial to go on, and the rung it rests at: highest rung first, then best value.

        Args:
            drain: round the number that goes on up instead of down. Right when nothing else will arrive, because the
                leader of every rung then goes on, however few have reached it.
        """
        for rung in reversed(self.epochs):
            for trial in self._leading(rung, drain):
                if trial not in self._promoted[rung]:
                    return trial, rung
        return None

    def goes_on(self, trial: int, rung: int, drain: bool = False) -> bool:
        """Whether a trial at a rung has been promoted from it or is promotable now."""
        return trial in self._promoted[rung] or trial in self._leading(rung, drain)

    def _leading(self, rung: int, drain: bool) -> list[int]:
        """The best 1/eta at a rung, best first; ties go to the earlier trial."""
        values = self._values[rung]
        count = -(-len(values) // self.eta) if drain else len(values) // self.eta
        return sorted(values, key=lambda trial: (-values[trial], trial))[:count]
