"""The recorded curve that stands for a configuration: of those with the same choices, the one of the nearest numbers.

Choices are never mixed up: a configuration whose choices were not recorded together has no curve. A number that the
table varies stands for those around it, by their ratio where all of its values are positive, else by their difference.
A number that it does not vary must be the table's own, and a parameter that no recorded configuration has must be at
its default.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypeGuard

from ptune.errors import NotFoundError
from ptune.record.curve_table import CurveTable, Run
from ptune.record.wording import described
from ptune.spec.trial import Config, Scalar, defaults

_NUMBER = "a number"


class NearestCurve:
    """Looks up runs of a table by configuration."""

    def __init__(self, table: CurveTable) -> None:
        self._table = table
        self._scales = {name: scale for name in table.varied if (scale := _scale(table.values[name])) is not None}
        self._curves: dict[tuple[Scalar | None, ...], list[tuple[Config, list[Run]]]] = {}
        for config, runs in table.curves:
            self._curves.setdefault(self._choices(config), []).append((config, runs))

    def __call__(self, config: Config) -> list[Run]:
        """The runs of the nearest configuration, by seed.

        Args:
            config: a complete configuration.

        Raises:
            NotFoundError: nothing was recorded with its choices; the message names those that differ.
        """
        if strange := self._unknown(config):
            raise NotFoundError(f"{strange} = {config[strange]!r}: no curve was recorded of any {strange}")
        curves = self._curves.get(self._choices(config))
        if curves is None:
            raise NotFoundError(self._not_recorded(config))
        return min(curves, key=lambda curve: self._distance(config, curve[0]))[1]

    @property
    def numbers(self) -> dict[str, list[float]]:
        """The numbers that the table varies, ascending."""
        return {name: _numbers(self._table.values[name]) for name in self._scales}

    def _unknown(self, config: Config) -> str | None:
        """A parameter that changes how a configuration trains, and that no recorded one has; None if there is none."""
        at_rest = defaults(str(config["method"]))
        return next(
            (
                name
                for name, value in config.items()
                if name != "repeat" and name not in self._table.values and value != at_rest.get(name)
            ),
            None,
        )

    def _choices(self, config: Config) -> tuple[Scalar | None, ...]:
        """What must be the same: everything but the numbers that the table varies."""
        return tuple(
            _NUMBER if name in self._scales and _is_number(config.get(name)) else config.get(name)
            for name in self._table.values
        )

    def _distance(self, config: Config, other: Config) -> float:
        total = 0.0
        for name, (low, high, positive) in self._scales.items():
            value, recorded = config.get(name), other.get(name)
            if _is_number(value) and _is_number(recorded):
                total += (_place(value, low, high, positive) - _place(recorded, low, high, positive)) ** 2
        return total

    def _not_recorded(self, config: Config) -> str:
        """Which choices were recorded in place of those of a configuration, beside all that it shares with them."""
        names = list(self._table.values)
        wanted = self._choices(config)
        nearest = max(self._curves, key=lambda choices: sum(map(_same, choices, wanted)))
        name = next(name for name, value, got in zip(names, nearest, wanted, strict=True) if not _same(value, got))
        index = names.index(name)
        recorded = dict.fromkeys(
            choices[index]
            for choices in self._curves
            if all(map(_same, choices[:index] + choices[index + 1 :], nearest[:index] + nearest[index + 1 :]))
        )
        shown, beside = (
            ", ".join(map(repr, recorded)),
            described(config, [told for told in self._table.told if told != name]),
        )
        return f"{name} = {config.get(name)!r}: no curve of it was recorded with {beside} (only of {shown})"


def _same(value: Scalar | None, other: Scalar | None) -> bool:
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _scale(values: Sequence[Scalar | None]) -> tuple[float, float, bool] | None:
    """The smallest and the largest of a parameter's numbers, and whether all are positive; None for choices."""
    numbers = _numbers(values)
    if len(numbers) < 2 or any(isinstance(value, str) for value in values):
        return None
    return numbers[0], numbers[-1], numbers[0] > 0


def _numbers(values: Iterable[Scalar | None]) -> list[float]:
    return sorted(value for value in values if _is_number(value))


def _is_number(value: Scalar | None) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _place(value: float, low: float, high: float, positive: bool) -> float:
    """Where a number lies in the range of those recorded: 0 at the lowest, 1 at the highest."""
    if positive:
        value, low, high = math.log(max(value, 1e-300)), math.log(low), math.log(high)
    return (value - low) / (high - low)
