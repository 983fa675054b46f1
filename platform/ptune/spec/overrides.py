"""Values that are given on a command line, as NAME=VALUE.

Overrides of a job file are noted at the end of its text, so that a search's copy of the file says how it ran.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from typing import Any

from ptune.errors import SpecError
from ptune.spec.trial import Scalar

_MARK = "# --set "


def value_of(text: str) -> Any:
    """The value that a text has in TOML; else the text itself, which then needs no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def configuration(settings: Iterable[str]) -> dict[str, Scalar]:
    """The parameters of a configuration, each given as `name=value`.

    Raises:
        SpecError: one is given in another form, or twice, or has a value that no parameter can have.
    """
    config: dict[str, Scalar] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name, value = name.strip(), value_of(text)
        if not equals or not name:
            raise SpecError(f"--set {setting}: write parameter=value")
        if name in config:
            raise SpecError(f"--set {setting}: {name} is set twice")
        if not isinstance(value, bool | int | float | str) or (isinstance(value, float) and not math.isfinite(value)):
            raise SpecError(f"--set {setting}: a number, a word or true and false belong here")
        config[name] = value
    return config


def noted(overrides: Iterable[str]) -> str:
    """The lines to add to a job file's text."""
    return "".join(f"{_MARK}{override}\n" for override in overrides)


def found(text: str) -> list[str]:
    """The overrides that a job file's text notes."""
    return [line.removeprefix(_MARK).strip() for line in text.splitlines() if line.startswith(_MARK)]
