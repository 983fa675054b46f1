"""Asynchronous successive halving: which trial goes on from a rung. Pure logic, without clock, files or Optuna.

The promotion-type algorithm of Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2
(arXiv 1810.05934): a trial rests at a rung until it is among the best 1/eta of those that reached it. The stopping
variant decides once, against whoever came earlier; resting is nearly free here, because a prompt's state is small.

What ranks at a rung is the utility of a trial's best value up to it, of which more is better whatever the metric. The
search is judged by the best epoch of its best trial, so the leader of a search leads every rung it reaches and always
arrives at the horizon; one noisy epoch at a rung costs nobody their place.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence


class Rungs:
    """The rungs of a search below its horizon, and who has reached and left each.

    Args:
        epochs: the rungs, as numbers of finished epochs, ascending.
        eta: one in eta trials goes on from a rung.
    """

    def __init__(self, epochs: Sequence[int], eta: int) -> None:
        self.epochs = tuple(epochs)
        self.eta = eta
        self._rungs = {rung: _Rung() for rung in self.epochs}

    def record(self, trial: int, rung: int, utility: float) -> None:
        """Note that a trial reached a rung; a utility (of its best value so far) that is not finite never ranks."""
        if math.isfinite(utility):
            self._rungs[rung].record(trial, utility)

    def promote(self, trial: int, rung: int) -> None:
        """Note that a trial goes on from a rung."""
        self._rungs[rung].promote(trial)

    def discard(self, trial: int) -> None:
        """Forget a trial that failed, so that the next best moves up."""
        for rung in self._rungs.values():
            rung.discard(trial)

    def reason(self, rung: int) -> str:
        """Why a trial that rests at a rung is stopped when the search ends."""
        return f"not among the best 1/{self.eta} of the {len(self._rungs[rung].results)} trials there"

    def promotable(self, drain: bool = False) -> tuple[int, int] | None:
        """The next trial to go on, and the rung it rests at: highest rung first, then highest utility.

        Args:
            drain: round the number that goes on up instead of down. Right when nothing else will arrive, because the
                leader of every rung then goes on, however few have reached it.
        """
        for epoch in reversed(self.epochs):
            rung = self._rungs[epoch]
            if rung.resting and rung.leads(rung.resting[0], self.eta, drain):
                return rung.resting[0][1], epoch
        return None

    def goes_on(self, trial: int, rung: int, drain: bool = False) -> bool:
        """Whether a trial at a rung has been promoted from it or is promotable now."""
        reached = self._rungs[rung]
        return trial in reached.promoted or (
            trial in reached.results and reached.leads(reached.results[trial], self.eta, drain)
        )


_Result = tuple[float, int]
"""Negative utility, and trial: the best first, of equals the earlier."""


class _Rung:
    """One rung. Everything about one trial takes a binary search, however many have been here."""

    def __init__(self) -> None:
        self.results: dict[int, _Result] = {}
        self.promoted: set[int] = set()
        self.ranked: list[_Result] = []
        """Of all that have reached it, in order."""
        self.resting: list[_Result] = []
        """Of those that have not left it, in order."""

    def record(self, trial: int, utility: float) -> None:
        self._forget(trial)
        self.results[trial] = (-utility, trial)
        bisect.insort(self.ranked, self.results[trial])
        if trial not in self.promoted:
            bisect.insort(self.resting, self.results[trial])

    def promote(self, trial: int) -> None:
        if trial in self.results and trial not in self.promoted:
            _remove(self.resting, self.results[trial])
        self.promoted.add(trial)

    def discard(self, trial: int) -> None:
        self._forget(trial)
        self.promoted.discard(trial)

    def leads(self, result: _Result, eta: int, drain: bool) -> bool:
        """Whether a trial's result is among the best 1/eta."""
        count = -(-len(self.ranked) // eta) if drain else len(self.ranked) // eta
        return bisect.bisect_left(self.ranked, result) < count

    def _forget(self, trial: int) -> None:
        result = self.results.pop(trial, None)
        if result is not None:
            _remove(self.ranked, result)
            if trial not in self.promoted:
                _remove(self.resting, result)


def _remove(results: list[_Result], result: _Result) -> None:
    del results[bisect.bisect_left(results, result)]
