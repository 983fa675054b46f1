"""Parquet files as tables, whatever types their other columns have."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ptune.data.table import Table
from ptune.errors import DataError

_NOTES = b"huggingface"
"""Where the Hub's library notes the names of labels in a file."""


def read_parquet(path: Path, columns: Collection[str] | None = None) -> Table:
    """Read a parquet file into memory, with the label names that it declares.

    Args:
        path: the file.
        columns: the columns whose values are needed; all others are null. None needs all.

    Raises:
        DataError: the file is damaged, repeats the name of a needed column, or holds one of a type without a use here.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            names = file.schema_arrow.names
            used = [name for name in names if columns is None or name in columns]
            if repeated := sorted({name for name in used if used.count(name) > 1}):
                raise DataError(f"{path}: names a column twice: {', '.join(map(repr, repeated))}")
            values = file.read(columns=used)
            nulls = [None] * values.num_rows
            read = {name: values[name].to_pylist() if name in used else nulls for name in names}
        return Table(read, values.num_rows, declared=_declared(values.schema.metadata or {}))
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: cannot be loaded: {error}") from error


def _declared(notes: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """The label names of the columns that declare some, for each value or for each item of a list."""
    try:
        features = json.loads(notes.get(_NOTES, b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    found = {name: _names(feature) for name, feature in features.items()} if isinstance(features, dict) else {}
    return {name: labels for name, labels in found.items() if labels}


def _names(feature: Any) -> list[str]:
    if isinstance(feature, list) and feature:
        return _names(feature[0])
    if not isinstance(feature, dict):
        return []
    if isinstance(feature.get("names"), list):
        return [str(name) for name in feature["names"]]
    return _names(feature.get("feature"))
