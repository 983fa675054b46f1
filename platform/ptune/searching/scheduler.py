"""The scheduler of a search, which says who goes on from a rung: the one place that chooses among them.

A scheduler knows trials as numbers and results as utilities, of which more is better. It decides nothing by itself: the
conductor tells it what happens, and asks.
"""

from __future__ import annotations

from typing import Protocol, assert_never

from ptune.record.history import History
from ptune.searching.asha import Rungs
from ptune.searching.hyperband import Brackets
from ptune.searching.on_arrival import BestShare, RunningMedian
from ptune.searching.pasha import GrowingRungs, noise_of
from ptune.searching.screen import Screening
from ptune.spec.budget import Budget
from ptune.spec.stopping import Asha, AshaStopping, FullBudget, Hyperband, Median, Pasha, Screen


class Scheduler(Protocol):
    """What a conductor asks at every rung. Replayed from a journal in the order of its events, it stands as before."""

    def record(self, trial: int, rung: int, utility: float) -> None:
        """Note that a trial has reached a rung with the utility of its best value so far."""

    def promote(self, trial: int, rung: int) -> None:
        """Note that a trial goes on from a rung."""

    def discard(self, trial: int) -> None:
        """Forget a trial that could not go on: it failed, was cut short, or had a shorter horizon of its own."""

    def goes_on(self, trial: int, rung: int, drain: bool = False) -> bool:
        """Whether a trial at a rung need not wait; `drain` says that nothing else will arrive there."""

    def promotable(self, drain: bool = False) -> tuple[int, int] | None:
        """The waiting trial that goes on first, and its rung; None where all have to wait."""

    def ends(self, trial: int, rung: int) -> str | None:
        """Why a trial ends for good at an epoch, which may be a rung; None where it does not."""

    def reason(self, rung: int) -> str:
        """Why a trial that waits at a rung is stopped when the search ends."""


def scheduler_of(budget: Budget, history: History) -> Scheduler:
    """The scheduler that a job asks for; the history, live, is for one that looks at whole curves."""
    match budget.stopping:
        case AshaStopping(eta=eta):
            return BestShare(budget.rungs, eta)
        case Median(least=least):
            return RunningMedian(budget.rungs, least)
        case Asha(eta=eta, capped=capped):
            return Rungs(budget.rungs, eta, capped=capped, scout=True)
        case Hyperband(eta=eta) as hyperband:
            return Brackets(budget.rungs, eta, hyperband.entering(budget.horizon))
        case Pasha(eta=eta):
            return GrowingRungs(budget.rungs, eta, noise_of(history))
        case Screen(grace=grace, keep=keep):
            return Screening(grace, keep)
        case FullBudget():
            return Rungs((), eta=1)
        case _:
            assert_never(budget.stopping)
