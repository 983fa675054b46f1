"""Files of JSON objects, whether in one array or one after another (JSON lines), as a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptune.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


def read_json(path: Path, columns: Collection[str] | None = None) -> Dataset:
    """Read objects into a table with a row for each of them; a column that a row lacks is null there.

    Every file is parsed by Python before a native library sees its values: a native parser ends the whole process
    on some files that are valid JSON, and guesses dates and numbers from the first rows.

    Args:
        path: the file.
        columns: the columns whose values are needed; all others are null. None needs all.

    Raises:
        DataError: the file is not UTF-8 or not JSON, holds no row, or holds a row that is no object or has a value
            that a table cannot hold.
    """
    import datasets

    rows = _rows(path, columns)
    names = dict.fromkeys(name for row in rows for name in row)
    table = {name: [row.get(name) if columns is None or name in columns else None for row in rows] for name in names}
    try:
        return datasets.Dataset.from_dict(table, on_mixed_types="use_json")
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError("\n".join(_unfit(path, table)) or f"{path}: cannot be loaded: {error}") from error


def _rows(path: Path, columns: Collection[str] | None) -> list[dict[str, Any]]:
    try:
        values = list(_values(path.read_text(encoding="utf-8-sig"), columns))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be loaded: not UTF-8: {error}") from error
    except RecursionError:
        raise DataError(f"{path}: cannot be loaded: values are nested too deep") from None
    except ValueError as error:
        raise DataError(f"{path}: cannot be loaded: {error}") from error
    rows = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise DataError(f"{path}: row {number}: a row must be an object with its columns, got {_described(row)}")
    if not rows:
        raise DataError(f"{path}: holds no examples")
    return rows


def _values(text: str, columns: Collection[str] | None) -> Iterator[Any]:
    """The JSON values that stand one after another in a text."""
    decode, position = json.JSONDecoder(object_pairs_hook=partial(_object, columns=columns)).raw_decode, 0
    while (position := _next_character(text, position)) < len(text):
        value, position = decode(text, position)
        yield value


def _object(pairs: list[tuple[str, Any]], columns: Collection[str] | None) -> dict[str, Any]:
    """An object; it may repeat the names of columns that are not needed."""
    values = dict(pairs)
    if len(values) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        for name, count in counts.items():
            if count > 1 and (columns is None or name in columns):
                raise ValueError(f"an object names the column {name!r} twice")
    return values


def _next_character(text: str, start: int) -> int:
    """Where the next character stands that is no white space."""
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def _described(value: Any) -> str:
    return "null" if value is None else f"{_KINDS[type(value)]}: {json.dumps(value, ensure_ascii=False)[:80]}"


def _unfit(path: Path, table: dict[str, list[Any]]) -> Iterator[str]:
    """What the first value of each column is that a table cannot hold, one line for each column."""
    import pyarrow as pa

    for name, values in table.items():
        for number, value in enumerate(values, 1):
            try:
                pa.array([value])
            except (ValueError, TypeError, OverflowError) as error:
                yield f"{path}: column {name!r}: row {number}: the value cannot be read: {error}"
                break
