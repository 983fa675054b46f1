"""Which trials repeat one configuration: on other splits of the data, and with other seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REPEATING = ("split", "repeat")
"""Parameters that do not change a configuration, only on which data and with which seed it is tried."""


def without_repetition(config: Mapping[str, Any]) -> dict[str, Any]:
    """What is tried, without the parameters that only say on which data and with which seed."""
    return {name: value for name, value in config.items() if name not in REPEATING}


def repetition(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """On which data and with which seed a configuration is tried."""
    return tuple(config.get(name) for name in REPEATING)
