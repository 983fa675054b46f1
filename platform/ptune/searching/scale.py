"""Where a value lies in what a definition proposes, and which value lies where."""

from __future__ import annotations

import math

from ptune.spec.parameter import Parameter
from ptune.spec.trial import Scalar


def ends_of(definition: Parameter) -> tuple[int | float, int | float]:
    """The ends of a resolved range."""
    low, high = definition.low, definition.high
    assert isinstance(low, int | float), "a range is resolved before it is asked"
    assert isinstance(high, int | float), "a range is resolved before it is asked"
    return low, high


def value_at(definition: Parameter, share: float) -> Scalar | None:
    """The value below which a share of what a definition proposes lies.

    Args:
        definition: choices, a constant, or a resolved range.
        share: at least 0 and below 1.
    """
    values = definition.possible()
    if values:
        return values[int(share * len(values))]
    (low, high), step = ends_of(definition), definition.step or (1 if definition.integer else None)
    if step is not None and not definition.log:
        return low + step * int(share * (math.floor((high - low) / step + 1e-8) + 1))
    edge = 0.5 if definition.integer else 0.0  # an end of a range of integers is as likely as what lies between
    if definition.log:
        bounds = math.log(low - edge), math.log(high + edge)
        value = math.exp(bounds[0] + share * (bounds[1] - bounds[0]))
    else:
        value = low + share * (high - low)
    return min(max(round(value), low), high) if definition.integer else min(max(value, low), high)


def settled(definition: Parameter, value: float) -> int | float:
    """The value of a resolved range that is nearest to a number."""
    low, high = ends_of(definition)
    step = definition.step or (1 if definition.integer else None)
    if step is None:
        return min(max(value, low), high)
    return low + step * min(max(round((value - low) / step), 0), math.floor((high - low) / step + 1e-8))


def share_of(definition: Parameter, value: float) -> float:
    """Where a value lies in a range, from 0 to 1: about the inverse of `value_at`."""
    low, high = ends_of(definition)
    if low == high:
        return 0.0
    if definition.log:  # a user may have stated a value of the other sign
        return 0.0 if value <= 0 else math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)
