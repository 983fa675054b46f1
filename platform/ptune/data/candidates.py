"""Multiple choice: texts that all candidates share, the candidates, and the number of the right one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ptune.data.bad_rows import bad_rows, refuse
from ptune.data.columns import Columns, counted, flat_name, texts_of, written
from ptune.data.table import Table
from ptune.spec.data import ChoiceData

_DIGITS = 6
"""More than any number of candidates has."""
__all__ = ["columns_read", "counted", "extract", "inputs", "label_order", "written"]


def columns_read(data: ChoiceData) -> list[str]:
    """The columns that multiple choice reads."""
    return [*data.columns, data.label]


def extract(table: Table, source: str, data: ChoiceData) -> Columns:
    """Take texts, candidates and the number of the right one out of a table that has them.

    Raises:
        DataError: a text is missing, or a number is none of a candidate; one line for each column with a problem.
    """
    texts, problems = texts_of(table, source, data.columns)
    values, last = table[data.label], len(data.choices) - 1
    problems += bad_rows(f"{source}: column {data.label!r}", values, lambda value: _problem(value, last))
    refuse(problems)
    return Columns(source, texts, [int(flat_name(value)) for value in values])


def label_order(train: Columns, data: ChoiceData) -> Sequence[str]:  # noqa: ARG001 - of the signature all data has
    """The candidates' columns, in order."""
    return list(data.choices)


def _problem(value: Any, last: int) -> str | None:
    """What is wrong with the number of the right candidate; None if nothing is."""
    number = flat_name(value)
    if number.isdecimal() and len(number) < _DIGITS and int(number) <= last:
        return None
    return (
        f"the label must be the number of the right candidate, 0 to {last}, got {value!r}; `replace` writes other "
        f"values as these numbers"
    )


def inputs(texts: Sequence[tuple[str, ...]], data: ChoiceData) -> list[tuple[str, ...]]:
    """The inputs of examples: the shared texts with each candidate."""
    places = [data.columns.index(name) for name in data.choices]
    shared = len(data.text)
    return [(*row[:shared], row[place]) for row in texts for place in places]
