"""A parameter of a search space: the values that it may take, and the condition under which it exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ptune.errors import nearest
from ptune.spec.strict import Strict, broken
from ptune.spec.trial import Scalar, parameter_names

Bound = int | float | Literal["layers"]
SPREAD = 0.15
"""Of what is expected, where a parameter states none: 95 % of it lies in the 60 % of the range around it."""


def _known(name: str) -> str:
    valid = parameter_names()
    if name not in valid:
        raise broken(f"not a parameter{nearest(name, valid)} (valid: {', '.join(sorted(valid))})")
    return name


ParameterName = Annotated[str, AfterValidator(_known)]


class Parameter(Strict):
    """One parameter under one condition. Exactly one of `choices`, `value`, or `low` with `high` is stated."""

    low: Bound | None = None
    """Smallest value, included."""
    high: Bound | None = None
    """Largest value, included. "layers" is the backbone's number of layers."""
    log: bool = False
    """Search the logarithm of the value."""
    step: int | float | None = Field(None, gt=0)
    """Distance between neighbouring values. It cannot be combined with log."""
    choices: Annotated[list[Scalar | None], Field(min_length=1)] | None = None
    """The values to choose from, without an order. TOML has no None, but spaces that ptune makes may list it."""
    value: Scalar | None = None
    """A constant."""
    expected: Bound | None = None
    """Where in the range its author expects the best value. Samplers look there first, and less so with every trial."""
    spread: float | None = Field(None, ge=0.01, le=1)
    """Standard deviation of what is expected, as a share of the range, on its scale; None is `SPREAD`."""
    weights: Annotated[list[Annotated[float, Field(gt=0, le=1e6)]], Field(min_length=1)] | None = None
    """How likely each choice is the best one, in any unit. Without them, all are equally likely."""
    when: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    """The parameter exists only if each of these parameters holds the value, or one of the values, given."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        ranged = self.low is not None or self.high is not None
        kinds = [ranged, self.choices is not None, self.value is not None]
        if sum(kinds) != 1:
            raise ValueError("state exactly one of: low and high, choices, value")
        if ranged:
            self._check_range()
        elif self.log or self.step is not None:
            raise ValueError("log and step belong to a range of low and high")
        if empty := [key for key, allowed in self.when.items() if allowed == []]:
            raise ValueError(f"when asks for one of no values, so the parameter never exists, got {empty[0]} = []")
        if self.choices is not None and len(set(map(repr, self.choices))) != len(self.choices):
            raise ValueError(f"choices must differ from each other, got {self.choices}")
        self._check_expected(ranged=ranged)
        return self

    def _check_expected(self, *, ranged: bool) -> None:
        if not ranged and self.expected is not None:
            hint = "give choices weights" if self.choices is not None else "a constant is always its value"
            raise ValueError(f"expected belongs to a range of low and high; {hint}, got expected={self.expected}")
        if self.spread is not None and self.expected is None:
            raise ValueError(f"spread is that of an expected value, and none is stated, got spread={self.spread}")
        if self.weights is not None and len(self.weights) != len(self.choices or ()):
            count = f"{len(self.choices)} choices" if self.choices is not None else "no choices"
            raise ValueError(f"weights must be one for each choice, got {len(self.weights)} for {count}")

    def _check_range(self) -> None:
        if self.low is None or self.high is None:
            raise ValueError("a range needs both low and high")
        if self.log and self.step is not None:
            raise ValueError("log and step cannot be combined")
        if self.log and self.low != "layers" and self.low <= 0:
            raise ValueError(f"low > 0 must hold on a log scale, got low={self.low}")
        if "layers" not in (self.low, self.high) and self.low > self.high:  # type: ignore[operator]
            raise ValueError(f"low <= high must hold, got low={self.low}, high={self.high}")
        if self.integer and isinstance(self.step, float):
            raise ValueError(f"step of an integer range must be an integer, got {self.step}")
        if "layers" not in (self.low, self.high, self.expected) and (law := self.misexpected()) is not None:
            raise ValueError(law)

    def misexpected(self) -> str | None:
        """The law that an expected value outside the range breaks; no bound is "layers"."""
        if self.expected is None or self.low <= self.expected <= self.high:  # type: ignore[operator]
            return None
        return f"low <= expected <= high must hold, got expected={self.expected}, low={self.low}, high={self.high}"

    @property
    def is_expected(self) -> bool:
        """Whether its author expects some of its values to be better than others."""
        return self.expected is not None or self.weights is not None

    @property
    def integer(self) -> bool:
        """Whether the range is over integers: both bounds are integers or "layers"."""
        return all(bound == "layers" or isinstance(bound, int) for bound in (self.low, self.high))

    def on_layers(self, layers: int) -> Parameter:
        """The definition on a backbone of some layers: with their number for "layers"."""
        bounds = {key: layers for key in ("low", "high", "expected") if getattr(self, key) == "layers"}
        return self.model_copy(update=bounds) if bounds else self

    def broken_on(self, layers: int) -> str | None:
        """The law that the range breaks on a backbone of some layers; None if it breaks none."""
        on = self.on_layers(layers)
        if on is self:
            return None
        if on.low > on.high:  # type: ignore[operator]
            return f"low <= high must hold, got low={on.low}, high={on.high} on a backbone of {layers} layers"
        law = on.misexpected()
        return None if law is None else f"{law} on a backbone of {layers} layers"

    def applies(self, config: Mapping[str, object]) -> bool:
        """Whether every condition holds under the values chosen so far."""
        return all(key in config and config[key] in as_list(allowed) for key, allowed in self.when.items())

    def possible(self) -> list[Scalar | None]:
        """The values that it can take; none are listed for a range."""
        if self.choices is not None:
            return self.choices
        return [self.value] if self.value is not None else []

    @property
    def ends(self) -> list[Scalar | None]:
        """The values it can take; of a range, the ends."""
        return self.possible() or [self.low, self.high]

    def stated(self) -> list[tuple[str, Scalar]]:
        """Every value the author wrote, with its key: choices, the constant, or the range's ends without "layers"."""
        if self.choices is not None:
            return [("choices", value) for value in self.choices if value is not None]
        single = {"value": self.value, "low": self.low, "high": self.high}
        return [(key, value) for key, value in single.items() if value is not None and value != "layers"]

    def contains(self, value: Any) -> bool:
        """Whether `value` can be proposed; bounds must be resolved."""
        if self.value is not None:
            return bool(value == self.value)
        if self.choices is not None:
            return value in self.choices
        is_number = isinstance(value, int if self.integer else (int, float)) and not isinstance(value, bool)
        return is_number and self._in_range(value)

    def _in_range(self, value: float) -> bool:
        low, high = self.low, self.high
        assert isinstance(low, int | float), "a range is resolved before it is asked"
        assert isinstance(high, int | float), "a range is resolved before it is asked"
        steps = (value - low) / self.step if self.step is not None else 0.0
        return low <= value <= high and abs(steps - round(steps)) < 1e-8


def as_list(value: Any) -> list[Any]:
    """The values that a condition allows, of which a single one may stand for itself."""
    return value if isinstance(value, list) else [value]
