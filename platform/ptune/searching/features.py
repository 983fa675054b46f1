"""Configurations of a search space as numbers, for models of what configurations reach.

A parameter whose values are numbers has one axis, on which each of its definitions reaches from 0 to 1: whoever states
a range under a condition has adapted it to that. Of any other parameter, values are equal or not. A parameter that does
not exist in a configuration lies in the middle of its axis, or has a category of its own: that it is missing shows in
the parameter on which it depends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ptune.searching.scale import share_of
from ptune.spec.parameter import Parameter
from ptune.spec.space import Space
from ptune.spec.trial import Config, Scalar


@dataclass(frozen=True)
class Encoded:
    """Some configurations as numbers."""

    places: NDArray[np.float64]
    """By configuration and numeric parameter: from 0 to 1, beyond that for values that users have stated."""
    categories: NDArray[np.int64]
    """By configuration and other parameter: which value; -1 where it does not exist."""

    def __len__(self) -> int:
        return len(self.places)

    def and_also(self, others: Encoded) -> Encoded:
        """These, and others after them."""
        return Encoded(
            np.concatenate([self.places, others.places]), np.concatenate([self.categories, others.categories])
        )

    def at(self, rows: Sequence[int] | NDArray[np.int64]) -> Encoded:
        """Some of them, in a given order."""
        return Encoded(self.places[rows], self.categories[rows])


class Features:
    """How the configurations of one space become numbers.

    Args:
        space: a resolved search space.
    """

    def __init__(self, space: Space) -> None:
        several = {name: space.parameters[name] for name in space.searched}
        self._numeric = [name for name, definitions in several.items() if all(map(_has_numbers, definitions))]
        self._categories = {
            name: list(dict.fromkeys(repr(end) for definition in definitions for end in definition.ends))
            for name, definitions in several.items()
            if name not in self._numeric
        }
        self._definitions = [(name, definition) for name, definition in space.ordered() if name in self._numeric]

    def encode(self, configs: Sequence[Config]) -> Encoded:
        """Configurations, each with the parameters that exist in it, as numbers."""
        places = np.full((len(configs), len(self._numeric)), 0.5)
        categories = np.full((len(configs), len(self._categories)), -1, dtype=np.int64)
        for row, config in enumerate(configs):
            for name, definition in self._definitions:
                if name in config and definition.applies(config):
                    places[row, self._numeric.index(name)] = _place(definition, config[name])
            for column, (name, known) in enumerate(self._categories.items()):
                if name in config:
                    value = repr(config[name])
                    categories[row, column] = known.index(value) if value in known else len(known)
        return Encoded(places, categories)


def _has_numbers(definition: Parameter) -> bool:
    return all(isinstance(end, int | float) and not isinstance(end, bool) for end in definition.ends)


def _place(definition: Parameter, value: Scalar | None) -> float:
    """Where a number lies among what a definition proposes; choices lie evenly, in the order of their values."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return 0.5
    if definition.low is not None:
        return share_of(definition, value)
    values = sorted(float(choice) for choice in definition.possible())  # type: ignore[arg-type]
    return float(np.interp(value, values, np.linspace(0.0, 1.0, len(values)))) if len(values) > 1 else 0.5
