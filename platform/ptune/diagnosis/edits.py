"""What to type to change a parameter of a space: an option of `ptune search`, or a line of the space's file."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence

from ptune.spec.parameter import Parameter
from ptune.spec.space import Space
from ptune.spec.trial import Scalar

_NICE = (1, 1.5, 2, 3, 5, 7, 10)


def nice(value: float) -> float:
    """A number with one digit or two that is at most a quarter away."""
    if value == 0.0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(abs(value)))
    mantissa = abs(value) / power
    nearest = min(_NICE, key=lambda digit: abs(math.log(digit / mantissa)))
    return math.copysign(float(f"{nearest * power:.2g}"), value)


def with_ends(space: Space, name: str, index: int, low: Scalar | None = None, high: Scalar | None = None) -> str:
    """What to type so that a range gets another low or high end.

    Args:
        space: the job's own, in which a bound may be "layers".
        name: the parameter.
        index: which of its definitions.
        low: the new low end; None leaves it.
        high: the new high end; None leaves it.
    """
    definition = space.parameters[name][index]
    changed = {key: value for key, value in (("low", low), ("high", high)) if value is not None}
    if len(space.parameters[name]) > 1:
        return _lines(name, definition, changed)
    return _option(name, definition, {"low": definition.low, "high": definition.high, **changed})


def with_choices(space: Space, name: str, index: int, choices: Sequence[Scalar]) -> str:
    """What to type so that a parameter chooses among others; arguments as of `with_ends`.

    A choice that stays keeps its weight, and a new one gets about the mean of all.
    """
    definition = space.parameters[name][index]
    changed: dict[str, object] = {"choices": list(choices)}
    if definition.weights is not None:
        known = list(zip(definition.choices or (), definition.weights, strict=True))
        mean = nice(statistics.fmean(definition.weights))
        changed["weights"] = [next((weight for old, weight in known if old == choice), mean) for choice in choices]
    if len(space.parameters[name]) > 1:
        return _lines(name, definition, changed)
    return _option(name, definition, changed)


def with_value(space: Space, name: str, index: int, value: Scalar) -> str:
    """What to type so that a constant has another value; arguments as of `with_ends`."""
    definition = space.parameters[name][index]
    if len(space.parameters[name]) > 1:
        return _lines(name, definition, {"value": value})
    return _option(name, definition, {"value": value})


def with_range(name: str, low: float, high: float) -> str:
    """What to type so that a parameter that the space does not define is searched on a log scale."""
    return f"--set 'space.parameters.{name}={{low={_toml(low)}, high={_toml(high)}, log=true}}'"


def setting(key: str, value: Scalar) -> str:
    """What to type so that a key of the job has another value."""
    return f"--set {key}={_toml(value)}"


def _option(name: str, definition: Parameter, kind: Mapping[str, object]) -> str:
    """An option that states a parameter's only definition anew, since `--set` replaces it whole."""
    beside = {"log": definition.log or None} | {key: getattr(definition, key) for key in ("step", "expected", "spread")}
    kept = {key: value for key, value in beside.items() if value is not None and "low" in kind}
    fields = {**kind, **kept}
    parts = [f"{key}={_toml(value)}" for key, value in fields.items()]
    parts += [f"when={_table(definition)}"] if definition.when else []
    return f"--set 'space.parameters.{name}={{{', '.join(parts)}}}'"


def _lines(name: str, definition: Parameter, changed: Mapping[str, object]) -> str:
    """Lines of the space's file, with the definition in which they stand."""
    where = f"[[parameters.{name}]] with when = {_table(definition)}"
    return f"{', '.join(f'{key} = {_toml(value)}' for key, value in changed.items())} in {where}"


def _table(definition: Parameter) -> str:
    return f"{{{', '.join(f'{key}={_toml(value)}' for key, value in definition.when.items())}}}"


def _toml(value: object) -> str:
    """A value as TOML writes it, which for numbers, strings, booleans and lists is JSON's way."""
    return json.dumps(value)
