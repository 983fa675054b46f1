"""Stopping ASHA: a trial is judged once at each rung, when it arrives there, and ends or goes on at once.

This is how Ray Tune's `ASHAScheduler` decides: a trial ends below the quantile 1 - 1/eta of those that came to the rung
before it (Li et al. 2020, arXiv 1810.05934, section 3.3, has the promotion variant). Pure logic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


class OnArrival:
    """The rungs of a search, who has come to each, and who fell short there.

    Args:
        epochs: the rungs, as numbers of finished epochs, ascending.
        eta: the best one in eta of those that came before sets the bar.
    """

    def __init__(self, epochs: Sequence[int], eta: int) -> None:
        self.eta = eta
        self._utilities: dict[int, dict[int, float]] = {rung: {} for rung in epochs}
        self._promoted: dict[int, set[int]] = {rung: set() for rung in epochs}
        self._bars: dict[tuple[int, int], float] = {}

    def record(self, trial: int, rung: int, utility: float) -> None:
        """Note that a trial reached a rung with the utility of its best value so far, and judge it for good."""
        if not math.isfinite(utility):
            return
        others = [other for number, other in self._utilities[rung].items() if number != trial]
        bar = float(np.quantile(others, 1 - 1 / self.eta)) if others else -math.inf
        self._bars[trial, rung] = bar
        self._utilities[rung][trial] = utility

    def promote(self, trial: int, rung: int) -> None:
        """Note that a trial goes on from a rung."""
        self._promoted[rung].add(trial)

    def discard(self, trial: int) -> None:
        """Forget a trial that failed, or that a user has stopped; who has been judged stays so."""
        for rung, utilities in self._utilities.items():
            utilities.pop(trial, None)
            self._promoted[rung].discard(trial)

    def goes_on(self, trial: int, rung: int, drain: bool = False) -> bool:  # noqa: ARG002 - as every scheduler has it
        """Whether a trial has left a rung, or did not fall short there."""
        return trial in self._promoted[rung] or (trial in self._utilities[rung] and self.ends(trial, rung) is None)

    def promotable(self, drain: bool = False) -> tuple[int, int] | None:
        """A trial that rests for want of epochs: highest rung first, then highest utility."""
        for rung, utilities in reversed(self._utilities.items()):
            resting = [trial for trial in utilities.keys() - self._promoted[rung] if self.goes_on(trial, rung, drain)]
            if resting:
                return min(resting, key=lambda trial: (-utilities[trial], trial)), rung
        return None

    def ends(self, trial: int, rung: int) -> str | None:
        """Why a trial ends at a rung; None where it does not."""
        utility = self._utilities.get(rung, {}).get(trial)
        return None if utility is None or utility >= self._bars[trial, rung] else self.reason(rung)

    def reason(self, rung: int) -> str:  # noqa: ARG002
        """Why a trial ends at a rung."""
        return f"not among the best 1/{self.eta} of those that came there before"
