"""The order of a search's trials, and, where several objectives count, the front of those that no other one beats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ptune.record.front import Standing, fronts, knee

if TYPE_CHECKING:
    from ptune.record.history import TrialRecord


@dataclass(frozen=True)
class Front:
    """The trials that no other one beats in everything that counts."""

    trials: Sequence[TrialRecord]
    """At least one, the best in the metric first."""
    knee: TrialRecord
    """The one with the most of all objectives together, see `ptune.record.front.knee`."""

    @property
    def numbers(self) -> list[int]:
        """The trials' numbers."""
        return [trial.number for trial in self.trials]


def ranked(trials: Iterable[TrialRecord], choose: Literal["best", "knee"] = "best") -> list[TrialRecord]:
    """Trials with a finite result that keep the job's bounds, best first; ties go to the earlier trial.

    Those that are scored on more of dev come before all others.
    With several objectives, the other trials of the front follow the one that is chosen, the best in the metric first,
    and then those that only the front beats, and so on. Failed trials are left out.
    """
    by_number, standings = _candidates(trials)
    if all(len(standing.utilities) == 1 for standing in standings.values()):
        order = sorted(standings, key=lambda number: (*_place(standings[number]), number))
    else:
        first, *rest = fronts(standings)
        chosen = knee(first, standings) if choose == "knee" else first[0]
        order = sorted(first, key=lambda number: number != chosen) + [number for layer in rest for number in layer]
    return [by_number[number] for number in order]


def front(trials: Iterable[TrialRecord]) -> Front | None:
    """The front of trials; None before the first result."""
    by_number, standings = _candidates(trials)
    first = next(iter(fronts(standings)), [])
    middle = knee(first, standings)
    return None if middle is None else Front([by_number[number] for number in first], by_number[middle])


def _place(standing: Standing) -> tuple[float, float]:
    """Where the metric counts alone; less is better."""
    return -standing.scored_on, -standing.utilities[0]


def _candidates(trials: Iterable[TrialRecord]) -> tuple[dict[int, TrialRecord], dict[int, Standing]]:
    """The trials that may be the best, and how they stand, by number."""
    kept = {trial.number: trial for trial in trials if trial.status != "failed"}
    standings = {number: standing for number, trial in kept.items() if (standing := trial.standing) is not None}
    return kept, {number: standing for number, standing in standings.items() if not standing.violation}
