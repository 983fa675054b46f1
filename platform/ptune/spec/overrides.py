"""Values that are given on a command line, as NAME=VALUE.

Overrides of a job file are noted at the end of its text, so that a search's copy of the file says how it ran.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ptune.errors import SpecError
from ptune.spec.extends import parsed
from ptune.spec.trial import Scalar
from ptune.spec.write import toml_value

_MARK = "# --set "


def value_of(text: str) -> Any:
    """The value that a text has in TOML; else the text itself, which then needs no quotes."""
    try:
        tables = parsed(f"value = {text}")
    except ValueError:
        return text
    return tables["value"] if len(tables) == 1 else text  # a second line would set something else


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
    """The lines to add to a job file's text, one for each override."""
    return "".join(f"{_MARK}{_on_one_line(override)}\n" for override in overrides)


def found(text: str) -> list[str]:
    """The overrides that a job file's text notes."""
    return [line.removeprefix(_MARK).strip() for line in text.split("\n") if line.startswith(_MARK)]


def _on_one_line(override: str) -> str:
    """An override without line breaks and control characters, which the copy would take as they are."""
    if override.isprintable():
        return override
    key, _, raw = override.partition("=")
    written = f"{key.strip()}={toml_value(value_of(raw))}"
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08X}" for sign in written)
