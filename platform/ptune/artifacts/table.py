"""Inputs to answer from the columns of a file, read as training reads its data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ptune.data.bad_rows import bad_rows, refuse
from ptune.data.columns import explode, needed, prepared, text_problem
from ptune.data.readers import Reading, read_file
from ptune.data.shown import as_texts
from ptune.errors import DataError
from ptune.spec.data import Data


def read_table(
    path: Path, data: Data, inputs: Sequence[str], columns: Sequence[str] | None = None
) -> list[tuple[str, ...]]:
    """Rows of texts from a csv, tsv, jsonl, json, parquet or conll file.

    Args:
        path: the file.
        data: the data set that the inputs are like, with what it renames and explodes.
        inputs: names of an input's texts, in order.
        columns: the columns that hold these texts, in the same order; None reads the columns that are named as in
            training. Words in a list count as the text that they make, and so do the entities of a passage.

    Raises:
        DataError: the file cannot be read, a column is missing, or a text is missing or empty; one line for each
            problem.
    """
    if columns is not None and len(columns) != len(inputs):
        needed_texts, named = ", ".join(inputs), ", ".join(columns)
        raise DataError(f"one column is needed for each of {needed_texts}, got {len(columns)} ({named})")
    # What a data set replaces is replaced when the input is answered, however it is given.
    like = data.model_copy(update={"replace": {}})
    if columns is not None:
        like = like.model_copy(update={"rename": {}, "explode": None})
    wanted = list(columns if columns is not None else inputs)
    # A row that is left out would leave its place among the answers to the next one.
    table, source = read_file(path, needed(like, wanted), replace(Reading.of(data), skip=False)), str(path)
    if like.explode is not None:
        table = explode(table, source, like.explode)
    table = prepared(table, source, like, wanted)
    rows = as_texts(data, list(zip(*(table[name] for name in wanted), strict=True)))
    texts = zip(wanted, zip(*rows, strict=True), strict=True)
    refuse([bad for name, cells in texts for bad in bad_rows(f"{source}: column {name!r}", cells, text_problem)])
    return rows
