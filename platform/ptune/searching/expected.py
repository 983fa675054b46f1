"""Where the author of a space expects the best values, and how much that counts after so many trials.

What is expected is a density over the space: a normal one over each range that states an expected value, cut off at its
ends, and weights over choices. With n trials before it, a configuration is drawn from that density to the power of
b / n, and what a model expects of it is multiplied by it, as in piBO (Hvarfner et al. 2022, arXiv 2204.11051, equation
6). The power spreads a normal density out, so an expectation that misleads ends as none at all.

piBO leaves a wrong expectation late where several parameters have one and all results there look alike. Every third
trial is therefore proposed as if nothing were expected, and a model gives an even density the same share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ptune.searching.scale import share_of, value_at
from ptune.spec.parameter import SPREAD, Parameter
from ptune.spec.space import Space
from ptune.spec.trial import Config, Scalar

_TRIALS = 5.0
"""Trials (b) for which an expectation counts in full."""
_DOUBTED = 3
"""Of so many trials, one is proposed as if nothing were expected."""
_LEAST = 1e-12
_BELOW_ONE = 1.0 - 1e-9


def power_of(trial: int) -> float:
    """The power of what is expected, from 0 to 1, for a configuration with so many before it."""
    return 0.0 if trial % _DOUBTED == _DOUBTED - 1 else min(1.0, _TRIALS / max(1, trial))


def expected_at(definition: Parameter, share: float, power: float) -> Scalar | None:
    """The value below which a share of what is expected lies; without an expectation, `value_at`.

    Args:
        definition: choices, a constant, or a resolved range.
        share: at least 0 and below 1.
        power: of the density, from 0 to 1.
    """
    if power == 0 or not definition.is_expected:
        return value_at(definition, share)
    if definition.weights is not None:
        sums = list(accumulate(weight**power for weight in definition.weights))
        return definition.possible()[next(index for index, top in enumerate(sums) if share * sums[-1] < top)]
    density = _density(definition, power)
    low, high = density.cdf(0.0), density.cdf(1.0)
    place = density.inv_cdf(min(max(low + share * (high - low), _LEAST), 1.0 - _LEAST))
    return value_at(definition, min(max(place, 0.0), _BELOW_ONE))


def drawn_from(space: Space, draws: np.random.Generator, fixed: Config, power: float) -> Config:
    """A configuration at random: the parameters that exist in it, without defaults.

    Args:
        space: a resolved search space.
        draws: the random numbers.
        fixed: values to take as they are.
        power: of what is expected; 0 draws evenly.
    """
    chosen: dict[str, Scalar | None] = {}
    for name, definition in space.ordered():
        if definition.applies(chosen):
            chosen[name] = fixed[name] if name in fixed else expected_at(definition, float(draws.random()), power)
    return chosen


def favour(space: Space, configs: Sequence[Config]) -> NDArray[np.float64]:
    """The logarithm of how much likelier each configuration is to be the best than if nothing were expected."""
    ways = [(name, definition) for name, definition in space.ordered() if definition.is_expected]
    sums = [
        sum(_favour(way, config[name]) for name, way in ways if name in config and way.applies(config))
        for config in configs
    ]
    favours: NDArray[np.float64] = np.logaddexp(
        math.log(1 - 1 / _DOUBTED) + np.array(sums, dtype=np.float64), -math.log(_DOUBTED)
    )
    return favours


def _favour(definition: Parameter, value: Scalar | None) -> float:
    if definition.weights is not None:
        known = dict(zip(map(repr, definition.possible()), definition.weights, strict=True))
        mean = sum(definition.weights) / len(known)
        return math.log(known.get(repr(value), mean) / mean)
    density = _density(definition, 1.0)
    off = (share_of(definition, float(value or 0.0)) - density.mean) / density.stdev
    held = (density.cdf(1.0) - density.cdf(0.0)) * density.stdev * math.sqrt(2 * math.pi)
    return -0.5 * off**2 - math.log(held)


def _density(definition: Parameter, power: float) -> NormalDist:
    """Over the range as far as from 0 to 1."""
    assert isinstance(definition.expected, int | float), "a range is resolved before it is asked"
    return NormalDist(share_of(definition, definition.expected), (definition.spread or SPREAD) / math.sqrt(power))
