"""Regression: from a table to texts and the number of each. Knows no files."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ptune.data.bad_rows import bad_rows, refuse
from ptune.data.columns import Columns, texts_of
from ptune.data.table import Table
from ptune.spec.data import RegressionData

KIND = "regression"
_LARGEST = 1e18
"""The square of a number of this size is more than a float32 holds."""
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_LARGE = 100.0
"""Numbers of this size and more are far from what a new head gives."""


@dataclass(frozen=True)
class Extent:
    """Numbers in short.

    Attributes:
        lowest: the lowest.
        mean: their mean.
        highest: the highest.
    """

    lowest: float
    mean: float
    highest: float


def columns_read(data: RegressionData) -> list[str]:
    """The columns that regression reads."""
    return [*data.text, data.label]


def extract(table: Table, source: str, data: RegressionData) -> Columns:
    """Take the texts and numbers out of a table that has them.

    Raises:
        DataError: rows hold no text, no number, or something else; one line for each column with a problem.
    """
    texts, problems = texts_of(table, source, data.text)
    declared = table.declared.get(data.label)
    values = [_named(value, declared) for value in table[data.label]]
    problems += bad_rows(f"{source}: column {data.label!r}", values, _problem)
    refuse(problems)
    return Columns(source, texts, [float(value) for value in values])


def label_order(train: Columns, data: RegressionData) -> list[str]:  # noqa: ARG001 - of the signature that all data has
    """None: a number is not chosen among labels."""
    return []


def notes(columns: Columns, data: RegressionData) -> list[str]:
    """What is to be said of a training split's numbers."""
    found = extent(columns.labels)
    column = f"{columns.source}: column {data.label!r}"
    if found.lowest == found.highest:
        return [f"{column}: every example has the number {found.lowest:g}, so there is nothing to learn"]
    largest = max(abs(found.lowest), abs(found.highest))
    if largest < _LARGE:
        return []
    factor = 10 ** math.ceil(math.log10(largest / 10))
    slowly = f"the numbers reach {largest:g}, and a head begins near 0, so it learns numbers of this size slowly"
    return [f"{column}: {slowly}; divide them by {factor:g} in the file"]


def extent(answers: Sequence[float]) -> Extent:
    """The numbers of a split, at least one, in short."""
    return Extent(min(answers), statistics.fmean(answers), max(answers))


def written(answer: float, labels: Sequence[str]) -> str:  # noqa: ARG001 - of the signature that all data has
    """A number as people read it."""
    return f"{answer:g}"


def parsed(value: Any) -> float | None:
    """The number that a cell stands for, as a file has it; None if it stands for none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    if isinstance(value, str) and "_" in value:  # which Python reads as a digit's neighbour
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _named(value: Any, declared: list[str] | None) -> Any:
    """A cell; a class that the data set declares is its name, which may be a number."""
    if declared is not None and isinstance(value, int) and 0 <= value < len(declared):
        return declared[value]
    return value


def _problem(value: Any) -> str | None:
    """What is wrong with a number; None if nothing is."""
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return 'the number is missing; on_bad_row = "skip" leaves out rows without one'
    number = parsed(value)
    if number is not None:
        return None if abs(number) < _LARGEST else f"the label must be below {_LARGEST:g} in size, got {number:g}"
    law = f"the label must be a number, such as 3.5, got {_shortened(repr(value))} ({type(value).__name__})"
    if isinstance(value, str) and _THOUSANDS.fullmatch(value.strip()):
        return f"{law}; write it without commas, {value.strip().replace(',', '')}"
    if isinstance(value, str) and parsed(value.strip().replace(",", ".")) is not None:
        return f"{law}; write it with a point, {value.strip().replace(',', '.')}"
    return f'{law}; `replace` writes a value as another one, and on_bad_row = "skip" leaves such rows out'


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}..."
