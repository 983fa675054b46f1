"""A searched parameter as an axis: numbers on their range, words as places, and a place for trials without it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ptune.record.history import History, TrialRecord
from ptune.record.repetition import REPEATING
from ptune.record.wording import NONE, param_heading, value_text
from ptune.spec.trial import Scalar

_SMALL = 0.001
NOT_USED = "not used"
"""How an absent value is called."""


@dataclass(frozen=True)
class Axis:
    """One searched parameter."""

    name: str
    low: float = 0.0
    high: float = 0.0
    """The range of its numbers, which holds every value that was tried."""
    log: bool = False
    integer: bool = False
    words: Sequence[str] = ()
    """Its values where they are no range of numbers, in order."""
    absent: bool = False
    """Whether some trials do not have it."""

    @property
    def field(self) -> str:
        """The column that holds its values."""
        return column(self.name)

    @property
    def title(self) -> str:
        """Its name for people."""
        return param_heading(self.name)

    @property
    def numeric(self) -> bool:
        """Whether it is a range of numbers."""
        return not self.words

    def place(self, value: Scalar | None) -> float | None:
        """Where a value lies, from 0 (the least) to 1; None for one that is absent."""
        if value is None:
            return None
        if self.words:
            return (self.words.index(value_text(value)) + 0.5) / len(self.words)
        if self.high == self.low:
            return 0.5
        return (self._scaled(float(value)) - self._scaled(self.low)) / (
            self._scaled(self.high) - self._scaled(self.low)
        )

    def ticks(self) -> list[tuple[float, str]]:
        """Labels and where they stand: every word, or a few numbers."""
        if self.words:
            return [((index + 0.5) / len(self.words), word) for index, word in enumerate(self.words)]
        return [(place, number_text(value)) for value in self.values() if (place := self.place(value)) is not None]

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def values(self) -> list[float]:
        """The ends of the range, and between them a few round numbers that do not touch the ends."""
        if self.low == self.high:
            return [self.low]
        low, high = self._scaled(self.low), self._scaled(self.high)
        if self.log:
            rounds = [10.0**power for power in range(math.ceil(low), math.floor(high) + 1)]
            if high - low < 2:
                rounds = [
                    factor * 10.0**power for power in range(math.floor(low), math.ceil(high)) for factor in (1, 2, 5)
                ]
        else:
            step = _round_step((high - low) / 4, whole=self.integer)
            rounds = [step * count for count in range(math.ceil(low / step), math.floor(high / step) + 1)]
        gap = 0.09 * (high - low)
        inner = [value for value in rounds if low + gap < self._scaled(value) < high - gap]
        return [self.low, *inner, self.high]


def number_text(value: float) -> str:
    """A number on an axis, in three digits; small ones with a power of ten: `20`, `0.01`, `5e-4`."""
    if 0 < abs(value) < _SMALL:
        digits, power = f"{value:.2e}".split("e")
        return f"{float(digits):g}e{int(power)}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def column(name: str) -> str:
    """The column that holds the values of a parameter."""
    return f"config_{name}"


def searched_axes(history: History) -> list[Axis]:
    """The parameters in which ranked trials differ; which data and which seed only where nothing else does."""
    ranked = history.ranked()
    apart = [name for name in history.header.varied if len({repr(trial.config.get(name)) for trial in ranked}) > 1]
    names = [name for name in apart if name not in REPEATING] or apart
    return [axis_of(name, history, ranked) for name in names]


def axis_of(name: str, history: History, trials: Sequence[TrialRecord]) -> Axis:
    """The axis of a parameter: as wide as the space allows, and as the trials have it."""
    values = [trial.config.get(name) for trial in trials]
    tried = [value for value in values if value is not None]
    definitions = history.job.space.resolved(history.header.backbone.layers).parameters.get(name, [])
    numbers = [float(value) for value in tried if isinstance(value, int | float) and not isinstance(value, bool)]
    absent = len(tried) < len(values)
    ranged = [definition for definition in definitions if isinstance(definition.low, int | float)]
    if len(numbers) < len(tried) or not ranged or not numbers:
        words = sorted({value_text(value) for value in tried}, key=_natural)
        return Axis(name, words=words or [NONE], absent=absent)
    ends = [
        float(end)
        for definition in ranged
        for end in (definition.low, definition.high)
        if not isinstance(end, str | None)
    ]
    low, high = min(*ends, *numbers), max(*ends, *numbers)
    log = low > 0 and any(definition.log for definition in ranged)
    return Axis(name, low, high, log=log, integer=all(value.is_integer() for value in (*ends, *numbers)), absent=absent)


def _round_step(rough: float, *, whole: bool) -> float:
    """A round distance between ticks, at least a rough one."""
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    return max(1.0, round(step)) if whole else step


def _natural(text: str) -> tuple[float, str]:
    try:
        return float(text), ""
    except ValueError:
        return math.inf, text
