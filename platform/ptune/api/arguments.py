"""What the functions of the Python API are called with: values of a wrong type are refused in one line."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

from ptune.errors import SpecError


def as_path(value: object, name: str) -> Path:
    """A path that the argument `name` gives.

    Raises:
        SpecError: it is neither a string nor a path.
    """
    if not isinstance(value, str | os.PathLike):
        raise SpecError(f"{name}: a path belongs here, as a string or a Path, got {type(value).__name__} {value!r}")
    return Path(value)


def as_settings(value: object, name: str) -> Mapping[object, object]:
    """Settings by dotted key that the argument `name` gives; none for None.

    Raises:
        SpecError: it is no dictionary.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise SpecError(
            f'{name}: a dictionary such as {{"budget.trials": 4}} belongs here, got {type(value).__name__} {value!r}'
        )
    return value


def as_count(value: object, name: str) -> int:
    """A number of trials, or that of a trial, which the argument `name` gives.

    Raises:
        SpecError: it is no whole number from 0.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise SpecError(f"{name}: a whole number belongs here, got {value!r}")
    return value


def as_values(value: object, name: str) -> dict[str, bool | int | float | str]:
    """Parameters with their values that the argument `name` gives; none for None.

    Raises:
        SpecError: it is no dictionary, or holds what no parameter can have.
    """
    values: dict[str, bool | int | float | str] = {}
    for key, item in as_settings(value, name).items():
        if not isinstance(key, str) or not isinstance(item, bool | int | float | str):
            raise SpecError(
                f"{name}: names of parameters with a number, a word or a truth value, got {key!r}: {item!r}"
            )
        if isinstance(item, float) and not math.isfinite(item):
            raise SpecError(f"{name}: {key} must be finite, got {item!r}")
        values[key] = item
    return values
