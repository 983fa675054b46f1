"""Multi-label classification: texts, and any number of labels for each. Knows no files."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from ptune.data import columns
from ptune.data.bad_rows import bad_rows, refuse
from ptune.data.columns import Columns, flat_name, label_name, label_problem, sorted_labels, texts_of
from ptune.data.lookalikes import doubtful, likeliest
from ptune.data.table import Table
from ptune.errors import DataError, listed
from ptune.spec.data import MultilabelData

KIND = "multilabel"
SEPARATORS = ("|", ";", ",")
"""What mostly stands between the labels of a text."""


def columns_read(data: MultilabelData) -> list[str]:
    """The columns that multi-label classification reads."""
    return [*data.text, *(data.label_columns or [data.label])]


def extract(table: Table, source: str, data: MultilabelData) -> Columns:
    """Take the texts and labels out of a table that has them; the answer of an example is a list of names, each once.

    Raises:
        DataError: rows hold no text, no list of labels, or something else; one line for each column with a problem.
    """
    texts, problems = texts_of(table, source, data.text)
    if data.label_columns is not None:
        flags = {name: [_flag(value) for value in table[name]] for name in data.label_columns}
        for name, column in flags.items():
            pairs = list(zip(column, table[name], strict=True))
            problems += bad_rows(f"{source}: column {name!r}", pairs, lambda pair: _flag_problem(*pair))
        refuse(problems)
        rows = zip(*flags.values(), strict=True)
        return Columns(source, texts, [[name for name, on in zip(flags, row, strict=True) if on] for row in rows])
    declared = table.declared.get(data.label)
    values = [apart(value, data.separator) for value in table[data.label]]
    problems += bad_rows(f"{source}: column {data.label!r}", values, lambda value: _problem(value, declared))
    refuse(problems)
    names = [list(dict.fromkeys(label_name(label, declared) for label in value)) for value in values]
    return Columns(source, texts, names, declared)


def label_order(train: Columns, data: MultilabelData) -> list[str]:
    """The label names in the order of the head's outputs: as the job states them, as declared, or sorted.

    Raises:
        DataError: the training split holds fewer than two labels.
    """
    names = {name for row in train.labels for name in row}
    if len(names) < 2:
        found = f"only {names.pop()!r}" if names else "none"
        raise DataError(f"{train.source}: a multi-label classifier needs at least two labels; there is {found} here")
    if (labels := data.label_columns or data.labels) is not None:
        return list(labels)
    return list(train.declared) if train.declared is not None else sorted_labels(names)


def number(read: Columns, labels: Sequence[str]) -> list[list[int]]:
    """Turn the label names of each example into their positions in `labels`.

    Raises:
        DataError: a row holds a label that is not among them.
    """
    position = {name: index for index, name in enumerate(labels)}

    def problem(names: list[str]) -> str | None:
        unknown = next((name for name in names if name not in position), None)
        if unknown is None:
            return None
        law = f"label {unknown!r} is not among the labels{likeliest(unknown, labels)}"
        return f"{law} (valid: {listed(labels)}); labels states them"

    refuse(bad_rows(read.source, read.labels, problem))
    return [sorted(position[name] for name in names) for names in read.labels]


def notes(read: Columns, data: MultilabelData) -> list[str]:
    """What is to be said of a training split's labels."""
    if data.label_columns is not None:
        return []
    names = [name for names in read.labels for name in names]
    said = doubtful(names, read.source, data.label)
    for sign in SEPARATORS if data.separator is not None else ():
        if whole := [name for name in dict.fromkeys(names) if sign in name]:
            said.append(
                f"{read.source}: labels hold {sign!r}, such as {whole[0]!r}, and separator = {data.separator!r} does "
                "not take them apart"
            )
    return said


def counted(answers: Sequence[Sequence[int]], labels: Sequence[str]) -> list[tuple[str, int]]:
    """How many examples have each label, in the order of the labels."""
    return columns.counted([label for answer in answers for label in answer], labels)


def written(answer: Sequence[int], labels: Sequence[str]) -> str:
    """An answer as people read it: its labels."""
    return ", ".join(labels[label] for label in answer) or "none"


def apart(value: Any, separator: str | None) -> Any:
    """The labels of a cell, which may be written as a list of Python or JSON is; what is neither is left as it is."""
    if not isinstance(value, str):
        return value
    if (written_out := _listed(value)) is not None:
        return written_out
    if separator is None:
        return value
    return [label.strip() for label in value.split(separator)] if value.strip() else []


def _listed(text: str) -> list[Any] | None:
    """The labels of a text that is a list, as pandas writes a column of lists to csv; None if it is none."""
    if not (text.strip().startswith("[") and text.strip().endswith("]")):
        return None
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, list) else None


def _flag(value: Any) -> bool | None:
    """Whether a cell of a label's column says that the label is given; None if it says neither."""
    return {"0": False, "1": True, "false": False, "true": True}.get(flat_name(value))


def _flag_problem(flag: bool | None, value: Any) -> str | None:
    """What is wrong with a cell of a label's column, read as a flag; None if nothing is."""
    if flag is not None:
        return None
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return "the label's 0 or 1 is missing"
    return f"a label's column holds 0 or 1, got {repr(value)[:60]}; `replace` writes other values as these"


def are_flags(column: Sequence[Any]) -> bool:
    """Whether a column can be that of one label: every cell is 0 or 1."""
    return all(_flag(value) is not None for value in column)


def _problem(value: Any, declared: list[str] | None) -> str | None:
    """What is wrong with the labels of an example; None if nothing is."""
    if value is None:
        return "the labels are missing (null); an empty list says that there is none"
    if isinstance(value, str):
        likely = next((sign for sign in SEPARATORS if sign in value), SEPARATORS[0])
        return f"the labels must be a list, got {value!r} (str); separator = {likely!r} takes a text apart"
    if not isinstance(value, list):
        return f"the labels must be a list, got {value!r} ({type(value).__name__})"
    law = next((law for label in value if (law := label_problem(label, declared)) is not None), None)
    return None if law is None else f"{law}, in {repr(value)[:60]}"
