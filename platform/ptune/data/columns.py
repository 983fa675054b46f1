"""From a table to the columns a task uses: texts as strings, labels as names, every bad row found first.

Knows no files. Rows are counted from 1, the first example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ptune.errors import DataError, nearest
from ptune.spec.job import Data

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Columns:
    """The used part of one split, before labels are numbered."""

    source: str
    """Where it comes from, for messages and records."""
    texts: list[tuple[str, ...]]
    """One tuple of the text columns for each example."""
    labels: list[str]
    """The label's name for each example."""
    declared: list[str] | None
    """Label names in the data set's own order, if it declares them."""


def extract(table: Dataset, source: str, data: Data) -> Columns:
    """Take the text and label columns out of a table.

    Raises:
        DataError: columns are missing, the table is empty, or rows hold no text, no label, or something else; the
            message has one line for each column with a problem.
    """
    table = _renamed(table, data.rename)
    names = table.column_names
    problems = [
        f"{source}: there is no column {name!r}{nearest(name, names)} (there are: {', '.join(names)})"
        for name in (*data.text, data.label)
        if name not in names
    ]
    if problems:
        raise DataError("\n".join(problems))
    if len(table) == 0:
        raise DataError(f"{source}: holds no examples")
    texts = [table[name][:] for name in data.text]
    declared = getattr(table.features[data.label], "names", None)
    values = table[data.label][:]
    for name, column in zip(data.text, texts, strict=True):
        problems += _bad_rows(f"{source}: column {name!r}", column, _text_problem)
    problems += _bad_rows(f"{source}: column {data.label!r}", values, lambda value: _label_problem(value, declared))
    if problems:
        raise DataError("\n".join(problems))
    return Columns(source, list(zip(*texts, strict=True)), [_label_name(value, declared) for value in values], declared)


def _renamed(table: Dataset, rename: Mapping[str, str]) -> Dataset:
    """The table with its columns under the job's names; a file that uses those already stays as it is."""
    names = table.column_names
    return table.rename_columns({old: new for old, new in rename.items() if old in names and new not in names})


def label_order(train: Columns, stated: Sequence[str] | None) -> list[str]:
    """The label names in the order of the head's outputs.

    That is the order stated in the job, else the order the data set declares, else the training split's labels,
    sorted as numbers if all are integers and as strings otherwise.

    Raises:
        DataError: the training split holds fewer than two labels.
    """
    found = set(train.labels)
    if len(found) < 2:
        raise DataError(
            f"{train.source}: a classifier needs at least two labels; every example here has {found.pop()!r}"
        )
    if stated is not None:
        return list(stated)
    if train.declared is not None:
        return list(train.declared)
    try:
        return sorted(found, key=lambda name: (int(name), name))
    except ValueError:
        return sorted(found)


def number(columns: Columns, labels: Sequence[str]) -> list[int]:
    """Turn label names into their positions in `labels`.

    Raises:
        DataError: a row holds a label that is not among them.
    """
    position = {name: index for index, name in enumerate(labels)}

    def problem(name: str) -> str | None:
        if name in position:
            return None
        return f"label {name!r} is not among the labels{nearest(name, labels)} (valid: {', '.join(labels)})"

    if problems := _bad_rows(columns.source, columns.labels, problem):
        raise DataError("\n".join(problems))
    return [position[name] for name in columns.labels]


def _bad_rows(place: str, values: Sequence[Any], problem: Callable[[Any], str | None]) -> list[str]:
    """One line about the first bad row and the number of others; no line if every row is good."""
    bad = [(row, text) for row, value in enumerate(values, 1) if (text := problem(value))]
    if not bad:
        return []
    others = f" ({len(bad) - 1} more of {len(values)} rows are bad)" if len(bad) > 1 else ""
    return [f"{place}: row {bad[0][0]}: {bad[0][1]}{others}"]


def _text_problem(value: Any) -> str | None:
    if value is None:
        return "the text is missing (null)"
    if not isinstance(value, str):
        return f"the text must be a string, got {value!r} ({type(value).__name__})"
    return None if value.strip() else f"the text is empty: {value!r}"


def _label_problem(value: Any, declared: list[str] | None) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return "the label is missing"
    if declared is not None:
        return None if 0 <= value < len(declared) else f"the label is missing (coded {value})"
    if not isinstance(value, str | int):
        return f"the label must be a string, an integer or a boolean, got {value!r} ({type(value).__name__})"
    return None


def _label_name(value: Any, declared: list[str] | None) -> str:
    if declared is not None:
        return declared[int(value)]
    if isinstance(value, bool):
        return "true" if value else "false"  # as JSON and TOML write them
    return str(value).strip()
