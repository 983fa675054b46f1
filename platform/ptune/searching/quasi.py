"""Points that cover a search space more evenly than random ones: Sobol's sequence, scrambled by a seed.

Every definition of a parameter has an axis of its own, also one that exists under a condition alone. A configuration
takes the coordinates of those that exist in it, so the ones that share a condition are spread evenly among themselves.
"""

from __future__ import annotations

import numpy as np

from ptune.searching.expected import expected_at
from ptune.spec.space import Space
from ptune.spec.trial import Config, Scalar


def quasi_point(space: Space, seed: int, index: int, given: Config, power: float = 0.0) -> Config:
    """One point of the sequence: the parameters that exist in it, without defaults.

    Args:
        space: a resolved search space.
        seed: scrambles the sequence.
        index: the point's place in the sequence, from 0.
        given: values to take as they are.
        power: of what the space's author expects, towards which the points move; see `ptune.searching.expected`.
    """
    from scipy.stats.qmc import Sobol  # it takes a second, and few searches need it

    ordered = list(space.ordered())
    sequence = Sobol(len(ordered), scramble=True, rng=np.random.default_rng(seed))
    (shares,) = sequence.fast_forward(index).random(1) if index else sequence.random(1)
    chosen: dict[str, Scalar | None] = {}
    for share, (name, definition) in zip(shares, ordered, strict=True):
        if definition.applies(chosen):
            chosen[name] = given[name] if name in given else expected_at(definition, float(share), power)
    return chosen
