"""Rules that judge a trial once at each rung, when it arrives there: it ends or goes on at once, and none rests.

Each rule sets a bar by those that came to the rung before. Pure logic.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from statistics import fmean, median

import numpy as np


class OnArrival(ABC):
    """The rungs of a search, who has come to each, and who fell short there.

    Args:
        epochs: the rungs, as numbers of finished epochs, ascending.
    """

    def __init__(self, epochs: Sequence[int]) -> None:
        self._utilities: dict[int, dict[int, float]] = {rung: {} for rung in epochs}
        self._promoted: dict[int, set[int]] = {rung: set() for rung in epochs}
        self._bars: dict[tuple[int, int], float] = {}

    def record(self, trial: int, rung: int, utility: float) -> None:
        """Note that a trial reached a rung with the utility of its best value so far, and judge it for good."""
        if not math.isfinite(utility):
            return
        before = [number for number in self._utilities[rung] if number != trial]
        self._bars[trial, rung] = self._bar(rung, before) if before else -math.inf
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

    @abstractmethod
    def reason(self, rung: int) -> str:
        """Why a trial ends at a rung."""

    @abstractmethod
    def _bar(self, rung: int, before: Sequence[int]) -> float:
        """The least utility with which a trial goes on, by the trials, at least one, that came there before it."""


class BestShare(OnArrival):
    """Stopping ASHA, as Ray Tune's `ASHAScheduler` has it: the bar is the quantile 1 - 1/eta of those before.

    Li et al. 2020, arXiv 1810.05934, section 3.3, has the variant that promotes.

    Args:
        epochs: see `OnArrival`.
        eta: the best one in eta of those that came before sets the bar.
    """

    def __init__(self, epochs: Sequence[int], eta: int) -> None:
        super().__init__(epochs)
        self.eta = eta

    def reason(self, rung: int) -> str:  # noqa: ARG002
        """Why a trial ends at a rung."""
        return f"not among the best 1/{self.eta} of those that came there before"

    def _bar(self, rung: int, before: Sequence[int]) -> float:
        return float(np.quantile([self._utilities[rung][trial] for trial in before], 1 - 1 / self.eta))


class RunningMedian(OnArrival):
    """The median stopping rule: the bar is the median of what those before have averaged up to the rung.

    Golovin et al. 2017, "Google Vizier", section 3.2.2; Ray Tune's `MedianStoppingRule`. Averages are over the best
    value so far at each rung, so that one bad epoch of a trial lowers nobody's bar.

    Args:
        epochs: see `OnArrival`.
        least: trials that must have come to a rung before any is judged there.
    """

    def __init__(self, epochs: Sequence[int], least: int) -> None:
        super().__init__(epochs)
        self.least = least

    def reason(self, rung: int) -> str:  # noqa: ARG002
        """Why a trial ends at a rung."""
        return "below the median of what other trials had averaged by then"

    def _bar(self, rung: int, before: Sequence[int]) -> float:
        if len(before) < self.least:
            return -math.inf
        return median(self._average(trial, rung) for trial in before)

    def _average(self, trial: int, rung: int) -> float:
        """A trial's mean utility over the rungs that it has come to, up to one of them."""
        rungs = self._utilities.items()
        return fmean(utilities[trial] for epoch, utilities in rungs if epoch <= rung and trial in utilities)
