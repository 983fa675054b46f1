"""Generation: from a table to input texts and the text to be written for each. Knows no files."""

from __future__ import annotations

from ptune.data.bad_rows import refuse
from ptune.data.columns import Columns, texts_of
from ptune.data.table import Table
from ptune.spec.data import GenerationData

KIND = "generation"


def columns_read(data: GenerationData) -> list[str]:
    """The columns that generation reads."""
    return [*data.text, data.target]


def extract(table: Table, source: str, data: GenerationData) -> Columns:
    """Take the texts and targets out of a table that has them; the answer of an example is its target.

    Raises:
        DataError: rows hold no text or something else; one line for each column with a problem.
    """
    rows, problems = texts_of(table, source, columns_read(data))
    refuse(problems)
    return Columns(source, [row[:-1] for row in rows], [row[-1] for row in rows])


def label_order(train: Columns, data: GenerationData) -> list[str]:  # noqa: ARG001 - of the signature that all data has
    """None: texts are not chosen among labels."""
    return []
