"""Which trials repeat one configuration: on other splits of the data, with other seeds, or keeping another epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REPEATING = ("split", "repeat", "keep_epoch")
"""Parameters that do not change a configuration, only on which data and with which seed it is tried, and what of it is
kept."""


def without_repetition(config: Mapping[str, Any]) -> dict[str, Any]:
    """What is tried, without the parameters of `REPEATING`."""
    return {name: value for name, value in config.items() if name not in REPEATING}


def repetition(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """On which data and with which seed a configuration is tried, and which epoch it keeps."""
    return tuple(config.get(name) for name in REPEATING)
