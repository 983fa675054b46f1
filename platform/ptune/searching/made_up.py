"""Learning curves made up for a space, so that a search can be planned before anything has trained.

A configuration is the better, the nearer its values are to an optimum that a seed places in the space; a sampler can
learn where that is, as in a real search, and the dev split's noise may mislead it.
"""

from __future__ import annotations

import math
import random

from ptune.searching.simulate import Curve
from ptune.spec.parameter import Parameter
from ptune.spec.space import Space
from ptune.spec.trial import Config, Scalar

_CHANCE, _BEST, _NOISE = 0.5, 0.95, 0.01
_EPOCHS = 3.0  # in which a curve goes two thirds of its way


def made_up(space: Space, seed: int, reports_per_epoch: int = 1) -> Curve:
    """Curves over a resolved space; the seed places the optimum and draws the noise."""

    def curve(config: Config, report: int) -> float:
        away = _distances(space, seed, config)
        highest = _BEST - (_BEST - _CHANCE) * sum(share**2 for share in away) / max(1, len(away))
        risen = _CHANCE + (highest - _CHANCE) * (1 - math.exp(-report / reports_per_epoch / _EPOCHS))
        return risen + random.Random(f"{seed} {sorted(config.items())} {report}").gauss(0, _NOISE)

    return curve


def _distances(space: Space, seed: int, config: Config) -> list[float]:
    """How far each searched value is from the optimum, as a share of its range."""
    chosen: dict[str, Scalar | None] = {}
    away = []
    for name, definition in space.ordered():
        if name in config and definition.applies(chosen):
            chosen[name] = value = config[name]
            if definition.value is None:
                away.append(_distance(definition, value, f"{seed} {name}"))
    return away


def _distance(definition: Parameter, value: Scalar | None, seed: str) -> float:
    low, high = definition.low, definition.high
    if not isinstance(value, int | float) or not isinstance(low, int | float) or not isinstance(high, int | float):
        return random.Random(f"{seed} {value}").random()
    if low == high:
        return 0.0
    ends = (math.log(low), math.log(high), math.log(value)) if definition.log else (low, high, value)
    return abs((ends[2] - ends[0]) / (ends[1] - ends[0]) - random.Random(seed).random())
