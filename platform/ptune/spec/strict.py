"""The base of everything that a user writes. Values are frozen, keep their types, and refuse unknown keys.

The module also says how a broken law is reported: with its place, so that several can be reported at once, and with the
value given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from ptune.errors import nearest
from ptune.spec.problem import Problem

RECORDED = "recorded"
"""The context in which a job is validated that a journal holds, which an earlier version may have written."""
_SHOWN = 300
_QUOTES = "'\""
_QUOTED = re.compile("'([^']*)'")


class Strict(BaseModel):
    """A frozen value object that refuses keys it does not know, and `true` or `"3"` where a number belongs."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


def broken(law: str) -> PydanticCustomError:
    """The error that a validator of one value raises. Its message is complete and holds the value."""
    return PydanticCustomError("law", "{law}", {"law": law})


def refusal(model: type[BaseModel], problems: Iterable[Problem]) -> ValidationError:
    """The error that a validator of a whole model raises: every broken law at its place inside the model."""
    details = [InitErrorDetails(type=broken(problem.text), loc=problem.place, input=None) for problem in problems]
    return ValidationError.from_exception_data(model.__name__, details)


def got(value: Any, expected: str = "") -> str:
    """The value given, and the nearest of those that `expected` quotes."""
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, or tables inside each other without an end
        shown = "a value too large to be shown"
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return f", got {shown}{nearest(shown.strip(_QUOTES), _QUOTED.findall(expected))}"
