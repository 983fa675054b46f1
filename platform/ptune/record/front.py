"""Which of several things no other one beats, where more than one objective counts, and in which order the rest comes.

Pure: things are numbers, and what they have come to are standings. Non-dominated sorting is that of Deb et al. 2002,
"A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", section III, computed by the sequential search of Zhang
et al. 2015, "An Efficient Approach to Nondominated Sorting for Evolutionary Multiobjective Optimization".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """What something has come to in all that counts."""

    utilities: tuple[float, ...]
    """Of every objective, the metric first; more is better."""
    violation: float = 0.0
    """How far it is outside of the bounds; 0 where it keeps them."""
    scored_on: float = math.inf
    """How many dev examples it was scored on; infinite for all of dev."""

    def beats(self, second: Standing) -> bool:
        """Whether it is at least as good in everything, and better in something; bounds come before objectives."""
        if self.violation or second.violation:
            return self.violation < second.violation
        pairs = list(zip(self.utilities, second.utilities, strict=True))
        return all(here >= there for here, there in pairs) and any(here > there for here, there in pairs)


def fronts(standings: Mapping[int, Standing]) -> list[list[int]]:
    """The things in layers: the first no other one beats, the next only those of the first beat, and so on.

    Of things that stand alike, the lowest number beats the others. Each layer begins with the best in the metric; what
    breaks a bound comes behind all that keeps them, one after another, the nearer to the bounds, the earlier.
    """

    def order(number: int) -> tuple[float, list[float], int]:
        standing = standings[number]
        return standing.violation, [-utility for utility in standing.utilities], number

    layers: list[list[int]] = []
    for number in sorted(standings, key=order):  # whatever beats it comes before it
        standing = standings[number]
        layer = next(
            (layer for layer in layers if not any(_goes_before(standings[member], standing) for member in layer)), None
        )
        if layer is None:
            layers.append([number])
        else:
            layer.append(number)
    return layers


def by_spread(standings: Mapping[int, Standing]) -> list[int]:
    """All things, layer by layer; in a layer the best in the metric, then always what is farthest from those before.

    Some of a layer, taken in this order, are spread over all of it, so that early stopping keeps its ends: Schmucker et
    al. 2021, "Multi-objective Asynchronous Successive Halving" (arXiv 2106.12639), compares such orders. Objectives
    are as wide as the layer is.
    """
    return [number for layer in fronts(standings) for number in _spread(layer, standings)]


def knee(layer: Sequence[int], standings: Mapping[int, Standing]) -> int | None:
    """The thing of a layer with the most of all objectives together; of equals, the first. None of an empty layer.

    Every objective counts from 0, the worst of the layer, to 1, its best. With two of them, it is what lies farthest
    above the line between the layer's ends: Das 1999, "On characterizing the 'knee' of the Pareto curve".
    """
    shares = _shares(layer, standings)
    return max(layer, key=lambda number: round(math.fsum(shares[number]), 12), default=None)


def _goes_before(first: Standing, second: Standing) -> bool:
    """Whether a standing beats another one that comes later in the order, as it does one that stands alike."""
    if first.violation or second.violation:
        return True
    return first.beats(second) or first.utilities == second.utilities


def _shares(layer: Sequence[int], standings: Mapping[int, Standing]) -> dict[int, list[float]]:
    """Of each thing, every utility as a share of the layer's; an objective in which all are alike counts for none."""
    columns = list(zip(*(standings[number].utilities for number in layer), strict=True))
    ends = list(map(_ends, columns))
    return {
        number: [_share(value, *end) for value, end in zip(standings[number].utilities, ends, strict=True)]
        for number in layer
    }


def _ends(values: Sequence[float]) -> tuple[float, float]:
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    return min(finite), max(finite)


def _share(value: float, low: float, high: float) -> float:
    return 0.0 if high == low or not math.isfinite(value) else (value - low) / (high - low)


def _spread(layer: Sequence[int], standings: Mapping[int, Standing]) -> list[int]:
    shares = _shares(layer, standings)
    taken = list(layer[:1])
    left = dict.fromkeys(layer[1:], math.inf)  # how far each is from the nearest that is taken
    while left:
        for number, distance in left.items():
            left[number] = min(distance, math.dist(shares[number], shares[taken[-1]]))
        taken.append(max(left, key=lambda number: left[number]))
        del left[taken[-1]]
    return taken
