"""Asynchronous successive halving decides which trial goes on from a rung. Pure logic, without clock, files or Optuna.

This is the promotion-type algorithm of Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning",
algorithm 2 (arXiv 1810.05934). A trial rests at a rung until it is among the best 1/eta of the trials that reached it.
The stopping variant decides once, and compares a trial only with those that came earlier. Resting costs almost nothing
here, because a prompt's state is small.

In the paper, each rung lies eta times as late as the one before. Here it lies the root of eta times as late, unless a
job states a `spacing`, so a trial that falls behind rests earlier. `jobs/README.md` says what that gains.

Every trial goes on that is among the best at some moment. A sampler that learns proposes better and better trials, and
all of them are. With rungs at epochs 1 and 3 of 9, 9 to 21 of 50 trials reach the horizon, where 50/9 are due, and 152
to 242 epochs are trained. *Capped*, no more than 1/eta of the trials leave a rung, but for those that lead it: 6 or 7
trials reach the horizon in 120 to 126 epochs. With the same number of epochs, capped searches find as much after 45 and
180 epochs and less after 90: their regret differs by -0.1 ± 0.6, 0.1 ± 0.4 and 0.6 ± 0.6 points (59 searches on the
surfaces of `make bench-search`, 95 % intervals). The cap is therefore not the default.

A search *with a scout* has a whole trial early: the first trial that comes to a rung above the first one does not wait
there for others to be compared with. Searches of 20 or 40 trials take 1 to 9 % more epochs with it, and what they have
found after as many epochs differs by less than noise. Where recorded configurations come first, it lacks 4.0 points
after 24 epochs instead of 7.7 (12 searches on `whose_job`).

Trials rank at a rung by the utility of their best value up to it. A higher utility is better, whatever the metric. A
search is judged by the best epoch of its best trial. The leader of a search therefore leads every rung that it reaches
and always arrives at the horizon, and a single noisy epoch at a rung costs no trial its rank. Where dev grows with the
rungs, values count that are of as much of dev as the rung's, and the trials that come to the horizon are judged alone.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence


class Rungs:
    """The rungs of a search below its horizon, and which trials have reached and left each.

    Args:
        epochs: the rungs, as numbers of finished epochs, ascending.
        eta: one in eta trials goes on from a rung.
        capped: whether no more than these ever leave a rung, but for those that lead it.
        scout: whether the first trial to come to a rung goes on at once, except from the first rung.
    """

    def __init__(self, epochs: Sequence[int], eta: int, *, capped: bool = False, scout: bool = False) -> None:
        self.epochs = tuple(epochs)
        self.eta = eta
        self.capped = capped
        self.scout = scout
        self._rungs = {rung: _Rung() for rung in self.epochs}

    def record(self, trial: int, rung: int, utility: float) -> None:
        """Note that a trial reached a rung with the utility of its best value so far; only a finite one ranks."""
        if math.isfinite(utility):
            self._rungs[rung].record(trial, utility)

    def promote(self, trial: int, rung: int) -> None:
        """Note that a trial goes on from a rung."""
        self._rungs[rung].promote(trial)

    def discard(self, trial: int) -> None:
        """Forget a trial that failed, or that a user has stopped, so that the next best moves up."""
        for rung in self._rungs.values():
            rung.discard(trial)

    def ends(self, trial: int, rung: int) -> None:
        """Nobody ends at a rung: who does not go on rests there."""

    def reason(self, rung: int) -> str:
        """Why a trial that rests at a rung is stopped when the search ends."""
        return f"not among the best 1/{self.eta} of the {len(self._rungs[rung].results)} trials there"

    def promotable(self, drain: bool = False) -> tuple[int, int] | None:
        """The next trial to go on, and the rung it rests at: highest rung first, then highest utility.

        Args:
            drain: round up, not down, the number of trials that go on. This is right when no other trial will arrive:
                the leader of every rung then goes on, however few trials have reached it.
        """
        return self.first_of(self.epochs, drain)

    def first_of(self, epochs: Sequence[int], drain: bool) -> tuple[int, int] | None:
        """The same among some of the rungs, which ascend."""
        for epoch in reversed(epochs):
            resting = self._rungs[epoch].resting
            if resting and self.lets_on(resting[0][1], epoch, drain):
                return resting[0][1], epoch
        return None

    def goes_on(self, trial: int, rung: int, drain: bool = False) -> bool:
        """Whether a trial at a rung has been promoted from it, or can be."""
        reached = self._rungs[rung]
        return trial in reached.promoted or (trial in reached.results and self.lets_on(trial, rung, drain))

    def lets_on(self, trial: int, rung: int, drain: bool) -> bool:
        """Whether a trial that ranks at a rung is good enough to go on from there."""
        reached = self._rungs[rung]
        if self.scout and rung != self.epochs[0] and reached.first == trial:
            return True
        return reached.lets_on(reached.results[trial], self.eta, self.capped, drain)

    def ranked(self, rung: int) -> list[int]:
        """The trials that have reached a rung, best first."""
        return [trial for _, trial in self._rungs[rung].ranked]

    def utilities(self, rung: int) -> dict[int, float]:
        """The utility with which each trial has reached a rung."""
        return {trial: -result[0] for trial, result in self._rungs[rung].results.items()}


_Result = tuple[float, int]
"""Negative utility and trial: results sort best first, and equal ones by trial."""


class _Rung:
    """One rung. A call about one trial takes binary searches, however many trials have reached the rung."""

    def __init__(self) -> None:
        self.results: dict[int, _Result] = {}
        self.promoted: set[int] = set()
        self.first: int | None = None
        """The trial that came first, of those that are still known."""
        self.ranked: list[_Result] = []
        """The results of all trials that have reached it, best first."""
        self.resting: list[_Result] = []
        """The results of the trials that have not left it, best first."""

    def record(self, trial: int, utility: float) -> None:
        self._forget(trial)
        self.results[trial] = (-utility, trial)
        self.first = trial if self.first is None else self.first
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
        if trial == self.first:
            self.first = next(iter(self.results), None)

    def lets_on(self, result: _Result, eta: int, capped: bool, drain: bool) -> bool:
        """Whether a trial's result is among the best 1/eta, and, if capped, finds a place; the leader needs none."""
        count = -(-len(self.ranked) // eta) if drain else len(self.ranked) // eta
        rank = bisect.bisect_left(self.ranked, result)
        return rank < count and (rank == 0 or not capped or len(self.promoted) < count)

    def _forget(self, trial: int) -> None:
        result = self.results.pop(trial, None)
        if result is not None:
            _remove(self.ranked, result)
            if trial not in self.promoted:
                _remove(self.resting, result)


def _remove(results: list[_Result], result: _Result) -> None:
    del results[bisect.bisect_left(results, result)]
