"""Entities of a passage, one of which fills the place that a query leaves open (ReCoRD; Zhang et al. 2018).

Knows no files. The entities of one input as a single text, as people type it, stand between `|`, or on lines of their
own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ptune.data.bad_rows import bad_rows, refuse
from ptune.data.columns import Columns, text_problem, texts_of
from ptune.data.table import Table
from ptune.errors import DataError
from ptune.spec.data import EntityData

KIND = "entity"
OTHER, ANSWER = LABELS = EntityData.kind_labels
"""What an entity is to a query, in the order of the head's outputs."""
Asked = tuple[str, str, list[str]]
"""An example: the passage, the query, and the passage's entities."""


def columns_read(data: EntityData) -> list[str]:
    """The columns that are read."""
    return [*data.columns, data.answers]


def extract(table: Table, source: str, data: EntityData) -> Columns:
    """Take passages, queries, entities and accepted answers out of a table that has them.

    Entities and answers are lists of texts, or of objects as in ReCoRD's own files: `{text, ...}`, or `{start, end}`,
    the first and the last character in the passage. Each counts once. An example's label is its list of answers.

    Raises:
        DataError: rows hold no text, no entity or no answer; one line for each column with a problem.
    """
    texts, problems = texts_of(table, source, data.fields)
    if not problems:
        for name in (data.entities, data.answers):
            cells = [(passage, cell) for (passage, _), cell in zip(texts, table[name], strict=True)]
            problems += bad_rows(f"{source}: column {name!r}", cells, lambda pair: _problem(*pair))
    refuse(problems)
    asked = [
        (passage, query, _named(passage, cell))
        for (passage, query), cell in zip(texts, table[data.entities], strict=True)
    ]
    answers = [_named(passage, cell) for (passage, _), cell in zip(texts, table[data.answers], strict=True)]
    return Columns(source, list(asked), answers)


def label_order(train: Columns, data: EntityData) -> list[str]:
    """What an entity may be.

    Raises:
        DataError: no entity of the training split is an answer.
    """
    if all(_is_missed(*row) for row in zip(train.texts, train.labels, strict=True)):
        raise DataError(f"{train.source}: no entity in {data.entities!r} is one of the answers in {data.answers!r}")
    return list(LABELS)


def notes(columns: Columns, data: EntityData) -> list[str]:
    """What is to be said of a training split: queries without a place to fill, and answers that are no entity."""
    rows = len(columns.texts)
    placed = sum(data.placeholder in query for _, query, _ in columns.texts)
    missed = sum(_is_missed(*row) for row in zip(columns.texts, columns.labels, strict=True))
    said = []
    if placed < rows:
        said.append(
            f"{columns.source}: {rows - placed} of {rows} queries hold no {data.placeholder!r}: the entity stands "
            "behind them"
        )
    if missed:
        said.append(f"{columns.source}: in {missed} of {rows} rows, no entity is one of the answers")
    return said


def written(answers: Sequence[str], labels: Sequence[str]) -> str:  # noqa: ARG001 - as others have it
    """The accepted answers of an example, as people read them."""
    return " or ".join(answers)


def inputs(texts: Sequence[Asked], data: EntityData) -> list[tuple[str, str]]:
    """The inputs of examples: the passage with the query about each entity."""
    return [pair for asked in texts for pair in filled(asked, data.placeholder)]


def filled(asked: Asked, placeholder: str) -> list[tuple[str, str]]:
    """The passage, with the query about each entity; the entity stands behind a query without a place for it."""
    passage, query, entities = asked
    open_query = query if placeholder in query else f"{query} {placeholder}"
    return [(passage, open_query.replace(placeholder, entity)) for entity in entities]


def as_texts(cells: Sequence[Any]) -> tuple[Any, ...]:
    """An input from the cells of a file, with its entities as one text; what is wrong stays as it is."""
    passage, query, entities = cells
    if isinstance(entities, str) or not isinstance(passage, str) or _problem(passage, entities) is not None:
        return tuple(cells)
    return passage, query, "\n".join(_named(passage, entities))


def split_entities(text: str) -> list[str]:
    """The entities of one text, each once; none where it holds nothing but separators."""
    named = text.splitlines() if "\n" in text else text.split("|")
    return list(dict.fromkeys(name for part in named if (name := part.strip())))


def _named(passage: str, cell: Any) -> list[str]:
    """The entities, or answers, of a good cell, each once and in the order given."""
    if isinstance(cell, str):
        return split_entities(cell)
    return list(dict.fromkeys(_text(passage, item).strip() for item in cell))


def _text(passage: str, item: Any) -> str:
    """The text of one entity; one that is only placed ends with its last character."""
    if isinstance(item, str):
        return item
    text: str = item["text"] if "text" in item else passage[item["start"] : item["end"] + 1]
    return text


def _problem(passage: str, cell: Any) -> str | None:
    """What is wrong with the entities, or the answers, of a row; None if nothing is."""
    if isinstance(cell, str):
        return None if split_entities(cell) else f"it names no entity: {cell!r}"
    if not isinstance(cell, list):
        return f"it must be a list of texts, or of {{start, end}} in the passage, got {cell!r} ({type(cell).__name__})"
    if not cell:
        return "the list is empty"
    return next((law for item in cell if (law := _item_problem(passage, item)) is not None), None)


def _item_problem(passage: str, item: Any) -> str | None:
    if isinstance(item, dict) and "text" not in item:
        first, last = item.get("start"), item.get("end")
        if type(first) is not int or type(last) is not int or not 0 <= first <= last < len(passage):
            return f"start and end must be characters of the passage (0 to {len(passage) - 1}), got {item!r}"
    elif not isinstance(item, str | dict):
        return f"an item must be a text, or {{start, end}} in the passage, got {item!r} ({type(item).__name__})"
    return text_problem(_text(passage, item))


def _is_missed(asked: Asked, answers: Sequence[str]) -> bool:
    return not set(asked[2]) & set(answers)
