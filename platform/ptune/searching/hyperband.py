"""Asynchronous Hyperband: halving in several brackets, each of which begins to compare one rung later.

Li et al. 2018, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", with the promotion of ASHA
(Li et al. 2020, arXiv 1810.05934) within each bracket, as in their section 3.3. The number of a trial says its bracket,
so nothing else has to be recorded. Pure logic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ptune.searching.asha import Rungs


class Brackets:
    """The brackets of a search; trials are compared with those of their own bracket alone.

    Args:
        epochs: the rungs of the first bracket, as numbers of finished epochs, ascending. Each other one lacks the first
            rung of the one before.
        eta: one in eta trials of a bracket goes on from each of its rungs.
        entering: by bracket, how many trials enter it in a round.
    """

    def __init__(self, epochs: Sequence[int], eta: int, entering: Sequence[int]) -> None:
        self.eta = eta
        self._brackets = [Rungs(epochs[first:], eta) for first in range(len(entering))]
        self._round = _round(entering)
        self._passing: dict[int, dict[int, float]] = {rung: {} for rung in epochs}
        """By rung, the trials that rest there for want of epochs though their bracket does not have it."""

    def bracket(self, trial: int) -> int:
        """The bracket of a trial: its place in the round."""
        return self._round[trial % len(self._round)]

    def record(self, trial: int, rung: int, utility: float) -> None:
        """Note that a trial reached a rung with the utility of its best value so far; only a finite one ranks."""
        if rung in self._own(trial).epochs:
            self._own(trial).record(trial, rung, utility)
        elif math.isfinite(utility):
            self._passing[rung][trial] = utility

    def promote(self, trial: int, rung: int) -> None:
        """Note that a trial goes on from a rung."""
        self._passing[rung].pop(trial, None)
        if rung in self._own(trial).epochs:
            self._own(trial).promote(trial, rung)

    def discard(self, trial: int) -> None:
        """Forget a trial that failed, or that a user has stopped."""
        self._own(trial).discard(trial)
        for resting in self._passing.values():
            resting.pop(trial, None)

    def goes_on(self, trial: int, rung: int, drain: bool = False) -> bool:
        """Whether a trial passes a rung: its bracket does not have it, or lets it on there."""
        own = self._own(trial)
        return rung not in own.epochs or own.goes_on(trial, rung, drain)

    def promotable(self, drain: bool = False) -> tuple[int, int] | None:
        """The next trial to go on, and the rung it rests at: highest rung first, then one whose bracket lacks it."""
        promotions = [promotion for rungs in self._brackets if (promotion := rungs.promotable(drain)) is not None]
        for rung, resting in self._passing.items():
            if resting:
                promotions.insert(0, (min(resting, key=lambda trial: (-resting[trial], trial)), rung))
        return max(promotions, key=lambda promotion: promotion[1], default=None)

    def ends(self, trial: int, rung: int) -> None:
        """Nobody ends at a rung: who does not go on rests there."""

    def reason(self, rung: int) -> str:  # noqa: ARG002 - as every scheduler has it
        """Why a trial that rests at a rung is stopped when the search ends."""
        return f"not among the best 1/{self.eta} of its bracket there"

    def _own(self, trial: int) -> Rungs:
        return self._brackets[self.bracket(trial)]


def _round(entering: Sequence[int]) -> list[int]:
    """The brackets in the order in which the trials of a round enter them, evenly mixed."""
    entered = [0] * len(entering)
    order = []
    for _ in range(sum(entering)):
        bracket = min(range(len(entering)), key=lambda index: ((entered[index] + 0.5) / entering[index], index))
        entered[bracket] += 1
        order.append(bracket)
    return order
