"""What the functions of the Python API are called with: values of a wrong type are refused in one line."""

from __future__ import annotations

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
