"""Parquet files as tables, whatever types their other columns have."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from ptune.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset


def read_parquet(path: Path, columns: Collection[str] | None = None) -> Dataset:
    """Read a parquet file into memory, with the label names that it declares.

    Args:
        path: the file.
        columns: the columns whose values are needed; all others are null. None needs all.

    Raises:
        DataError: the file is damaged, repeats the name of a needed column, or holds one of a type without a use here.
    """
    import datasets
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            names = file.schema_arrow.names
            used = [name for name in names if columns is None or name in columns]
            if repeated := sorted({name for name in used if used.count(name) > 1}):
                raise DataError(f"{path}: names a column twice: {', '.join(map(repr, repeated))}")
            values = file.read(columns=used)
            arrays = {name: values[name] if name in used else pa.nulls(values.num_rows) for name in names}
        table = pa.table(arrays)
        return datasets.Dataset(table.replace_schema_metadata(values.schema.metadata))
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: cannot be loaded: {error}") from error
