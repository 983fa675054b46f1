"""How population-based training explores: the values of a trial that goes on from another one.

What makes up the prompt stays. Each other parameter is drawn anew with a small probability, or moves a little: a number
by a factor, a choice among numbers to its neighbour (Jaderberg et al. 2017, "Population Based Training of Neural
Networks", arXiv 1711.09846, section 4.1.1). The two factors are each other's inverse, so that steps up and down cancel
out. Knows no trials.
"""

from __future__ import annotations

import numpy as np

from ptune.searching.expected import expected_at
from ptune.searching.scale import ends_of, settled
from ptune.spec.parameter import Parameter
from ptune.spec.space import Space
from ptune.spec.starts import OF_PROMPT
from ptune.spec.trial import Config, Scalar

_ANEW = 0.25
"""How likely a parameter is drawn anew."""
_FACTOR = 1.25
_LEAST = 0.05
"""Of a range without steps that is not logarithmic: how far a value moves at least, since a factor leaves 0 at 0."""


def perturbed(space: Space, parent: Config, draws: np.random.Generator, power: float = 0.0) -> Config:
    """A configuration near another one, whose prompt it takes up: the parameters that exist in it, without defaults.

    A value that the parent lacks, or that lies outside the space, is drawn anew. Whatever computed the parent's prompt,
    the new trial trains the vectors themselves, where the space lets it.

    Args:
        space: a resolved search space.
        parent: the complete configuration of the other one.
        draws: the random numbers.
        power: of what the space's author expects, where a value is drawn anew; see `ptune.searching.expected`.
    """
    before: Config = {**parent, "encoder": "embedding"}
    chosen: dict[str, Scalar | None] = {}
    for name, definition in space.ordered():
        if not definition.applies(chosen):
            continue
        value, is_anew = before.get(name), draws.random() < _ANEW
        if not definition.contains(value) or (is_anew and name not in OF_PROMPT):
            chosen[name] = expected_at(definition, float(draws.random()), power)
        else:
            chosen[name] = value if name in OF_PROMPT else _moved(definition, value, up=draws.random() < 0.5)
    return chosen


def _moved(definition: Parameter, value: Scalar | None, *, up: bool) -> Scalar | None:
    """A number next to another one; at an end of what the definition allows, and for what is no number, the same."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    if definition.low is None:
        return _neighbour(definition, value, up=up)
    step = definition.step or (1 if definition.integer else _linear_step(definition))
    moved = max(value * _FACTOR, value + step) if up else min(value / _FACTOR, value - step)
    return settled(definition, moved)


def _linear_step(definition: Parameter) -> float:
    low, high = ends_of(definition)
    return 0.0 if definition.log else _LEAST * (high - low)


def _neighbour(definition: Parameter, value: float, *, up: bool) -> Scalar:
    numbers = [one for one in definition.possible() if isinstance(one, int | float) and not isinstance(one, bool)]
    if up:
        return min((number for number in numbers if number > value), default=value)
    return max((number for number in numbers if number < value), default=value)
