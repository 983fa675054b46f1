"""Where values lie in the space from which they were drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ptune.record.history import History, TrialRecord
from ptune.spec.parameter import Parameter
from ptune.spec.trial import Config


@dataclass(frozen=True)
class Definition:
    """One definition of a parameter, on the search's backbone.

    Attributes:
        name: the parameter.
        index: which of its definitions in the space.
        written: as it stands there, with a number for "layers".
    """

    name: str
    index: int
    written: Parameter

    @property
    def levels(self) -> list[float]:
        """Its choices in order, if all of them are numbers; else nothing."""
        choices = self.written.choices or []
        numbers = [float(value) for value in choices if isinstance(value, int | float) and not isinstance(value, bool)]
        return sorted(numbers) if len(numbers) == len(choices) else []

    def holds(self, config: Config) -> bool:
        """Whether a complete configuration has its value from here."""
        return self.name in config and self.written.applies(config) and self.written.contains(config[self.name])

    def mass(self, value: float) -> tuple[float, float]:
        """The shares of all draws that lie at least as near to the low end, and to the high end, as a value does.

        Of draws that are uniform on the definition's own scale.
        """
        if self.levels:
            rank, count = self.levels.index(value), len(self.levels)
            return (rank + 1) / count, (count - rank) / count
        low, high = float(self.written.low or 0.0), float(self.written.high or 0.0)
        grain = 1.0 if self.written.integer else 0.0
        half = float(self.written.step or grain) / 2
        first, last = self._scaled(low - half), self._scaled(high + half)
        width = last - first or 1.0
        return (self._scaled(value + half) - first) / width, (last - self._scaled(value - half)) / width

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.written.log else value


def definitions(history: History, name: str | None = None) -> Iterator[Definition]:
    """The definitions of a parameter, or of all of them, in the order of the space."""
    space = history.job.space.on_layers(history.header.backbone.layers)
    for parameter, several in space.parameters.items():
        if name in (None, parameter):
            for index, written in enumerate(several):
                yield Definition(parameter, index, written)


def number(trial: TrialRecord, name: str) -> float | None:
    """A parameter's value in a trial; None where it has none or one that is no number."""
    value = trial.config.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
