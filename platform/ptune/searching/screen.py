"""Screening: every trial trains to one rung, and the best few of them go on to the horizon.

All train for one epoch and the top K are kept: Egele et al. 2023, "Is One Epoch All You Need For Multi-Fidelity
Hyperparameter Optimization?" (arXiv 2307.15422). Pure logic, without clock or files.
"""

from __future__ import annotations

import math


class Screening:
    """The rung of a search, and which trials have reached and left it.

    Args:
        rung: epochs that every trial trains.
        keep: how many trials go on. All are compared once all are there; one that fails makes room for the next best.
    """

    def __init__(self, rung: int, keep: int) -> None:
        self.rung = rung
        self.keep = keep
        self._utilities: dict[int, float] = {}
        self._promoted: set[int] = set()
        self._decided = False

    def record(self, trial: int, rung: int, utility: float) -> None:  # noqa: ARG002 - as every scheduler has it
        """Note that a trial reached the rung with the utility of its best value so far; only a finite one ranks."""
        if math.isfinite(utility):
            self._utilities[trial] = utility

    def promote(self, trial: int, rung: int) -> None:  # noqa: ARG002
        """Note that a trial goes on; from then on, the rest are known to be compared."""
        self._promoted.add(trial)
        self._decided = True

    def discard(self, trial: int) -> None:
        """Forget a trial that failed, or that a user has stopped, so that the next best moves up."""
        self._utilities.pop(trial, None)
        self._promoted.discard(trial)

    def goes_on(self, trial: int, rung: int, drain: bool = False) -> bool:  # noqa: ARG002
        """Whether a trial has been let on, or is among those to keep now that all have been compared."""
        return trial in self._promoted or (self._compares(drain) and trial in self._kept())

    def promotable(self, drain: bool = False) -> tuple[int, int] | None:
        """The best trial that is to be kept and rests."""
        if not self._compares(drain):
            return None
        return next(((trial, self.rung) for trial in self._kept() if trial not in self._promoted), None)

    def ends(self, trial: int, rung: int) -> None:
        """Nobody ends at a rung: who does not go on rests there."""

    def reason(self, rung: int) -> str:  # noqa: ARG002
        """Why a trial that rests at the rung is stopped when the search ends."""
        return f"not among the best {self.keep} of the {len(self._utilities)} trials there"

    def _compares(self, drain: bool) -> bool:
        return drain or self._decided

    def _kept(self) -> list[int]:
        """The trials to keep, best first, and equal ones by number."""
        return sorted(self._utilities, key=lambda trial: (-self._utilities[trial], trial))[: self.keep]
