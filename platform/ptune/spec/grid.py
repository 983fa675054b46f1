"""The grid of a search space: every combination of the values that its parameters may take, in a stable order.

Choices, constants and stepped ranges can be enumerated. A parameter adds nothing where its condition does not hold. The
module knows spaces, not samplers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from ptune.spec.parameter import Parameter
from ptune.spec.problem import Problem
from ptune.spec.space import Space
from ptune.spec.trial import Config, Scalar

MOST = 100_000
"""Combinations a grid may have."""


def continuous(space: Space) -> list[Problem]:
    """The definitions that no grid can enumerate, with what would help."""
    return [
        Problem(
            ("parameters", name, index),
            f"a grid needs {name} as choices or as a range with a step, got {_told(definition)}",
        )
        for name, definitions in space.parameters.items()
        for index, definition in enumerate(definitions)
        if definition.low is not None and (definition.log or (definition.step is None and not definition.integer))
    ]


def needs_layers(space: Space) -> bool:
    """Whether the number of combinations depends on the backbone's number of layers."""
    return any("layers" in (p.low, p.high) for definitions in space.parameters.values() for p in definitions)


def size(space: Space) -> int:
    """Number of combinations of a resolved space without continuous ranges. The count ends beyond `MOST`."""
    return sum(1 for _ in islice(combinations(space.ordered(), _values), MOST + 1))


def broken_trials(space: Space, trials: int | None) -> str | None:
    """What keeps a grid search of `trials` trials (None: all) from running on a resolved space; None if nothing does.

    The message begins with `trials`.
    """
    combinations = size(space)
    if combinations > MOST:
        return f"trials <= {MOST} must hold, and this space has more combinations"
    if trials is not None and trials > combinations:
        return f"trials <= {combinations}, the grid's combinations, must hold, got {trials}"
    return None


def points(space: Space) -> list[dict[str, Scalar | None]]:
    """Every combination of a resolved space: the baseline points, then the others, the first parameter slowest.

    A baseline point that leaves parameters out stands for the first combination that agrees with it and is still free.
    If there is none, the point is a repetition and is left out.
    """
    untaken = list(combinations(space.ordered(), _values))
    first = []
    for point in space.baseline:
        index = next((index for index, combination in enumerate(untaken) if _agrees(combination, point)), None)
        if index is not None:
            first.append(untaken.pop(index))
    return first + untaken


def combinations(
    ordered: Sequence[tuple[str, Parameter]],
    values: Callable[[Parameter], Iterable[Scalar | None]],
    chosen: Config | None = None,
) -> Iterator[dict[str, Scalar | None]]:
    """Every combination that conditions allow, the first parameter slowest.

    Args:
        ordered: definitions, each after those its condition names; see `Space.ordered`.
        values: the values of a definition to combine.
        chosen: what is chosen before the first of them.
    """
    chosen = dict(chosen or {})
    for index, (name, definition) in enumerate(ordered):
        if definition.applies(chosen):
            for value in values(definition):
                yield from combinations(ordered[index + 1 :], values, {**chosen, name: value})
            return
    yield chosen


def _values(definition: Parameter) -> Iterator[Scalar | None]:
    low, high = definition.low, definition.high
    if low is None or high is None:
        yield from definition.possible()
        return
    assert isinstance(low, int | float), "a range is resolved before it is enumerated"
    assert isinstance(high, int | float), "a range is resolved before it is enumerated"
    step = definition.step or 1
    for count in range(math.floor((high - low) / step + 1e-9) + 1):
        value = low + count * step
        yield value if definition.integer else float(f"{value:.12g}")


def _agrees(combination: Config, point: Config) -> bool:
    return all(name in combination and _same(combination[name], value) for name, value in point.items())


def _same(value: Scalar | None, pinned: Scalar | None) -> bool:
    if isinstance(value, float) and isinstance(pinned, int | float):
        return math.isclose(value, pinned, rel_tol=1e-9)
    return value == pinned


def _told(definition: Parameter) -> str:
    scale = ", log = true" if definition.log else ""
    return f"low = {definition.low}, high = {definition.high}{scale}"
