"""From a table to the columns a task uses: texts as strings, labels as names, every bad row found first.

Knows no files. Rows are counted from 1, the first example.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ptune.data.bad_rows import BadRows, bad_rows, refuse
from ptune.data.lookalikes import doubtful, likeliest
from ptune.data.table import Table
from ptune.errors import DataError, listed, nearest
from ptune.spec.data import ClassificationData
from ptune.spec.source import Source


@dataclass(frozen=True)
class Columns:
    """The used part of one split, before labels are numbered."""

    source: str
    """Where it comes from, for messages and records."""
    texts: list[tuple[Any, ...]]
    """One tuple for each example: a text for each of the data's fields, or what its kind of task has instead."""
    labels: list[Any]
    """The answer of each example, as its kind of task has it: here, the label's name."""
    declared: list[str] | None = None
    """Label names in the data set's own order, if it declares them."""
    groups: list[Any] | None = None
    """What the examples of one question share, where the data names such a column."""

    def pick(self, rows: Sequence[int]) -> Columns:
        """Some of the rows, in the order given."""
        groups = None if self.groups is None else [self.groups[row] for row in rows]
        texts, labels = [self.texts[row] for row in rows], [self.labels[row] for row in rows]
        return replace(self, texts=texts, labels=labels, groups=groups)


def columns_read(data: ClassificationData) -> list[str]:
    """The columns that classification reads."""
    return [*data.text, data.label, *([data.group] if data.group is not None else [])]


def extract(table: Table, source: str, data: ClassificationData) -> Columns:
    """Take the text and label columns out of a table that has them.

    Raises:
        DataError: rows hold no text, no label, or something else; one line for each column with a problem.
    """
    texts, problems = texts_of(table, source, data.text)
    declared = table.declared.get(data.label)
    values = table[data.label]
    problems += bad_rows(f"{source}: column {data.label!r}", values, lambda value: label_problem(value, declared))
    refuse(problems)
    groups = list(table[data.group]) if data.group is not None else None
    return Columns(source, texts, [label_name(value, declared) for value in values], declared, groups)


def needed(data: Source, columns: Sequence[str]) -> set[str]:
    """The columns of a file that hold what a kind of data reads, by the names that they have in the file.

    Args:
        data: the data set, with what it renames, replaces and explodes.
        columns: those that its kind reads.
    """
    names = {*columns, *data.replace}
    names |= {old for old, new in data.rename.items() if new in names}
    if data.explode is not None:
        names.add(data.explode)
    return names | {name.partition(".")[0] for name in names}  # nested columns are named by their paths


def explode(table: Table, source: str, path: str) -> Table:
    """One row for each item of a nested list, with the columns around it; columns are named by their paths.

    Args:
        table: rows that hold nested tables and lists.
        source: for messages.
        path: the list, such as `passage.questions.answers`; lists on the way to it are exploded, too.

    Raises:
        DataError: there is no such list.
    """
    rows: list[dict[str, Any]] = [_flat(row) for row in table]
    steps = path.split(".")
    for depth in range(1, len(steps) + 1):
        name = ".".join(steps[:depth])
        if any(isinstance(row.get(name), list) for row in rows):
            rows = [_without(row, name) | _flat(item, name) for row in rows for item in row.get(name) or []]
    if not any(name.startswith(f"{path}.") or name == path for row in rows for name in row):
        names = sorted({name for row in rows for name in row})
        raise DataError(
            f"{source}: there is no nested list {path!r}{nearest(path, names)} (there are: {listed(names)})"
        )
    return replace(Table.of_rows(rows), notes=table.notes)


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """A nested table's values by their paths; lists stay as they are."""
    if not isinstance(value, dict):
        return {path: value}
    return {
        name: inner
        for key, item in value.items()
        for name, inner in _flat(item, f"{path}.{key}" if path else key).items()
    }


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def prepared(table: Table, source: str, data: Source, columns: Sequence[str]) -> Table:
    """A table as the job sees it: columns renamed, values replaced, and every column there that its kind reads.

    Raises:
        DataError: a column is missing, or the table is empty; one line for each problem.
    """
    names = table.column_names
    table = table.renamed({old: new for old, new in data.rename.items() if old in names and new not in names})
    names = table.column_names
    problems = [
        f"{source}: there is no column {name!r}{nearest(name, names)} (there are: {listed(names)})"
        for name in (*columns, *data.replace)
        if name not in names
    ]
    if problems:
        raise DataError("\n".join(problems))
    if len(table) == 0:
        raise DataError(f"{source}: holds no examples")
    for name, values in data.replace.items():
        declared = table.declared.get(name)
        table = table.with_column(name, [_replaced(cell, values, declared) for cell in table[name]])
    return table


def _replaced(cell: Any, values: dict[str, str], declared: list[str] | None) -> Any:
    """A cell as what the job replaces it by; a number is found by its digits as they stand in the file, too.

    Of a list, it is each of its items.
    """
    if cell is None:
        return None
    if isinstance(cell, list):
        return [_replaced(item, values, declared) for item in cell]
    word = cell if isinstance(cell, str) else label_name(cell, declared)
    return values.get(word, values.get(str(cell), word))


def texts_of(table: Table, source: str, names: Sequence[str]) -> tuple[list[tuple[str, ...]], list[BadRows]]:
    """The texts of each row, in the order of `names`, and what is wrong with them, one line for each column."""
    columns = [table[name] for name in names]
    problems: list[BadRows] = []
    for name, column in zip(names, columns, strict=True):
        problems += bad_rows(f"{source}: column {name!r}", column, text_problem)
    return list(zip(*columns, strict=True)), problems


def label_order(train: Columns, data: ClassificationData) -> list[str]:
    """The label names in the order of the head's outputs.

    That is the order stated in the job, else the order the data set declares, else the training split's labels,
    sorted as numbers if all are integers and as strings otherwise.

    Raises:
        DataError: the training split holds fewer than two labels.
    """
    names = set(train.labels)
    if len(names) < 2:
        raise DataError(
            f"{train.source}: a classifier needs at least two labels; every example here has {names.pop()!r}"
        )
    if data.labels is not None:
        return list(data.labels)
    if train.declared is not None:
        return list(train.declared)
    return sorted_labels(names)


def sorted_labels(names: Collection[str]) -> list[str]:
    """Labels sorted as numbers if all are integers, and as strings otherwise."""
    try:
        return sorted(names, key=lambda name: (int(name), name))
    except ValueError:
        return sorted(names)


def number(columns: Columns, labels: Sequence[str]) -> list[int]:
    """Turn label names into their positions in `labels`.

    Raises:
        DataError: a row holds a label that is not among them.
    """
    position = {name: index for index, name in enumerate(labels)}

    def problem(name: str) -> str | None:
        if name in position:
            return None
        return f"label {name!r} is not among the labels{likeliest(name, labels)} (valid: {listed(labels)})"

    refuse(bad_rows(columns.source, columns.labels, problem))
    return [position[name] for name in columns.labels]


def text_problem(value: Any) -> str | None:
    """What is wrong with a text; None if nothing is."""
    if value is None:
        return "the text is missing (null)"
    if not isinstance(value, str):
        return f"the text must be a string, got {value!r} ({type(value).__name__})"
    if not value.strip():
        return f"the text is empty: {value!r}"
    return None if is_unicode(value) else f"the text is not valid Unicode: {value[:40]!r}"


def is_unicode(text: str) -> bool:
    """Whether a text can be encoded."""
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold and no tokenizer takes
        return False
    return True


def notes(columns: Columns, data: ClassificationData) -> list[str]:
    """What is to be said of a training split's labels."""
    return doubtful(columns.labels, columns.source, data.label)


def label_problem(value: Any, declared: list[str] | None) -> str | None:
    """What is wrong with a label; None if nothing is."""
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return "the label is missing"
    if declared is not None and not isinstance(value, str):
        if type(value) is not int:
            return f"the label must be the number of one of {listed(declared)}, got {value!r} ({type(value).__name__})"
        return None if 0 <= value < len(declared) else f"the label is missing (coded {value})"
    if isinstance(value, str | int) or (isinstance(value, float) and value.is_integer()):
        return None if not isinstance(value, str) or is_unicode(value) else f"the label is not Unicode: {value!r}"
    law = f"the label must be a string, an integer or a boolean, got {value!r} ({type(value).__name__})"
    return f"{law}; a bin for each class makes labels of a number" if isinstance(value, float) else law


def label_name(value: Any, declared: list[str] | None) -> str:
    """The name of a label that has no problem."""
    if declared is not None and not isinstance(value, str):
        return declared[int(value)]
    if isinstance(value, bool):
        return "true" if value else "false"  # as JSON and TOML write them
    return str(int(value) if isinstance(value, float) else value).strip()


def flat_name(value: Any) -> str:
    """The name of a label that is one of a few words or numbers, however a file writes it; empty of what is none."""
    if not isinstance(value, str | int) and not (isinstance(value, float) and value.is_integer()):
        return ""
    return label_name(value, None).lower().removesuffix(".0")


def counted(answers: Sequence[int], labels: Sequence[str]) -> list[tuple[str, int]]:
    """How often each label is an answer, in the order of the labels."""
    counts = Counter(answers)
    return [(label, counts[number]) for number, label in enumerate(labels)]


def written(answer: int, labels: Sequence[str]) -> str:
    """An answer as people read it: its label."""
    return labels[answer]
