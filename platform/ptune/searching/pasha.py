"""Asynchronous successive halving whose highest rung grows only while the two highest ones disagree on the ranking.

Bohdal et al. 2023, "PASHA: Efficient HPO and NAS with Progressive Resource Allocation" (arXiv 2207.06940), algorithm 1.
Trials climb as under ASHA, but none leaves the highest rung in use, which is the second one at first. Whenever a trial
comes there, its trials are ranked by what they had at that rung and by what they had at the rung below. The ranks are
soft (section 4.2): trials that differ by no more than epsilon count as equal. If a trial's place is not among those
that it would share below, the next rung is in use, too, and at last the horizon.

The paper ends there, and trains the best configuration anew. A prompt is wanted here, and its learning rate decays up
to the horizon. So when nothing else is left to do, the best trial of the highest rung goes on to the horizon.

Epsilon is the paper's own, from curves (section 4.3), or the standard error of the dev split if that is more. By curves
alone the rungs nearly always grow to the horizon, and little is saved. Of two surfaces with 9 epochs, 300 dev examples
and 50 trials, with eta 2 (12 searches each, regret less that of ASHA, 95 % intervals):

    surface    ASHA          curves alone                     with the standard error
    four       232 epochs    220 epochs, -0.0 ± 0.6 points    161 epochs, -0.2 ± 0.7 points
    branched   198 epochs    194 epochs, 0.4 ± 0.8 points     136 epochs, 1.1 ± 1.1 points
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np

from ptune.record.dev_part import on_as_much_as
from ptune.record.history import History
from ptune.record.standard_error import standard_error
from ptune.searching.asha import Rungs

Epsilon = Callable[[Sequence[int], int, int], float]
"""How far two trials differ at least that are not equal: by the trials at a rung, best first, the rung, and the rung
below it. In the metric's own units."""
_SHARE = 90  # per cent of the pairs that noise has swapped count as equal


class GrowingRungs(Rungs):
    """The rungs of a search below its horizon, and which of them are in use.

    Args:
        epochs: the rungs, at least two, as numbers of finished epochs, ascending.
        eta: one in eta trials goes on from a rung.
        epsilon: asked whenever a trial comes to the highest rung in use.
    """

    def __init__(self, epochs: Sequence[int], eta: int, epsilon: Epsilon) -> None:
        super().__init__(epochs, eta)
        self._epsilon = epsilon
        self._used = 2

    @property
    def top(self) -> int | None:
        """The highest rung in use; None once the horizon is."""
        return self.epochs[self._used - 1] if self._used <= len(self.epochs) else None

    def record(self, trial: int, rung: int, utility: float) -> None:
        """Note that a trial reached a rung with the utility of its best value so far, and let the rungs grow by it."""
        super().record(trial, rung, utility)
        if rung == self.top and not self._agree():
            self._used += 1

    def reason(self, rung: int) -> str:
        """Why a trial that rests at a rung is stopped when the search ends."""
        if self._is_climbed(rung):
            return super().reason(rung)
        return f"not the best of the {len(self.utilities(rung))} trials there, which rank as they did a rung before"

    def promotable(self, drain: bool = False) -> tuple[int, int] | None:
        """The next trial to go on, and the rung it rests at; the best of the highest rung comes last."""
        climbing = [rung for rung in self.epochs if self._is_climbed(rung)]
        return self.first_of(climbing, drain) or self.first_of(self.epochs[len(climbing) :], drain)

    def lets_on(self, trial: int, rung: int, drain: bool) -> bool:
        """Whether a trial is among those that go on: from the highest rung only the best one does, at the end."""
        if self._is_climbed(rung):
            return super().lets_on(trial, rung, drain)
        return drain and self.ranked(rung)[0] == trial

    def _is_climbed(self, rung: int) -> bool:
        return self.top is None or rung < self.top

    def _agree(self) -> bool:
        """Whether the two highest rungs in use rank those alike that have come to the higher one."""
        rung, below = self.epochs[self._used - 1], self.epochs[self._used - 2]
        later, earlier = self.ranked(rung), self.utilities(below)
        return rank_alike(later, {trial: earlier[trial] for trial in later}, self._epsilon(later, rung, below))


def rank_alike(later: Sequence[int], earlier: dict[int, float], epsilon: float) -> bool:
    """Whether each trial's place is one that it could have had before.

    Args:
        later: the trials as they rank now, best first.
        earlier: the utility that each of them had before.
        epsilon: utilities that differ by no more than this share their places.
    """
    before = sorted(earlier, key=lambda trial: -earlier[trial])
    return all(abs(earlier[now] - earlier[then]) <= epsilon for now, then in zip(later, before, strict=True))


def swapped(curves: Sequence[Sequence[float]], since: int) -> Iterator[float]:
    """How far trials differ whose curves cross to and fro, which noise explains: section 4.3 of the paper.

    Such a pair has ranked one way, then the other way, and then as at first. It counts with what it differs by in the
    last epoch that both have.

    Args:
        curves: the values of each trial after epoch 1, 2, ...
        since: pairs count only if both have more epochs than this.
    """
    for one, other in combinations(curves, 2):
        signs = [np.sign(left - right) for left, right in zip(one, other, strict=False)]
        if len(signs) <= since or not signs[-1]:
            continue
        order = signs[-1]
        opposite = max((index for index, sign in enumerate(signs) if sign == -order), default=0)
        if order in signs[:opposite]:
            yield abs(one[len(signs) - 1] - other[len(signs) - 1])


def noise_of(history: History) -> Epsilon:
    """The epsilon of a search: the greater of what its curves swap by and of the standard error of its dev split.

    The standard error is that of the best trial at the rung, on as much of dev as the rung below is scored on; see
    `ptune.record.standard_error` for the metrics that have one.
    """

    def epsilon(trials: Sequence[int], rung: int, below: int) -> float:
        curves = [history.trials[trial].values[:rung] for trial in trials]
        differences = list(swapped(curves, below))
        by_curves = float(np.percentile(differences, _SHARE)) if differences else 0.0
        best = history.trials[trials[0]]
        error = standard_error(history.header, on_as_much_as(best.best_report, best.reports[below - 1]))
        return max(by_curves, error or 0.0)

    return epsilon
