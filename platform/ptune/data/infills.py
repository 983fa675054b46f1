"""Candidates that are written into masks: texts, the candidate, and whether it is the right one. Knows no files."""

from __future__ import annotations

from typing import Any

from ptune.data.bad_rows import bad_rows, refuse
from ptune.data.columns import Columns, counted, flat_name, texts_of, written
from ptune.data.table import Table
from ptune.errors import DataError
from ptune.spec.data import InfillData

__all__ = ["columns_read", "counted", "extract", "label_order", "written"]

KIND = "infill"
IN_MASKS = True
"""The last text of an input, its candidate, stands in the input as masks."""
WRONG, RIGHT = LABELS = InfillData.kind_labels
_VALUES = {"false": 0, "0": 0, "true": 1, "1": 1}


def columns_read(data: InfillData) -> list[str]:
    """The columns that are read."""
    return [*data.fields, data.label]


def extract(table: Table, source: str, data: InfillData) -> Columns:
    """Take texts, candidates and whether these are right out of a table that has them.

    Raises:
        DataError: a text is missing, or a label is neither true nor false; one line for each column with a problem.
    """
    texts, problems = texts_of(table, source, data.fields)
    declared = table.declared.get(data.label)
    values = [_declared(value, declared) for value in table[data.label]]
    problems += bad_rows(f"{source}: column {data.label!r}", values, _problem)
    refuse(problems)
    return Columns(source, texts, [_VALUES[flat_name(value)] for value in values])


def _declared(value: Any, declared: list[str] | None) -> Any:
    """A cell; a class that the data set declares is its name."""
    return declared[value] if declared and type(value) is int and 0 <= value < len(declared) else value


def label_order(train: Columns, data: InfillData) -> list[str]:
    """False, then true.

    Raises:
        DataError: no candidate of the training split is right, so there is nothing to write.
    """
    if not any(train.labels):
        raise DataError(f"{train.source}: no candidate in {data.span!r} is right, and only right ones are written")
    return list(LABELS)


def _problem(value: Any) -> str | None:
    if flat_name(value) in _VALUES:
        return None
    return f"the label must be true or false, got {value!r}; `replace` writes other values as these words"
