"""Files of JSON objects as a table: rows in an array, one after another (JSON lines), or column by column."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from ptune.data.bad_rows import BadRow
from ptune.data.table import Table
from ptune.errors import DataError

Row: TypeAlias = dict[str, Any]
"""An object: values by column."""
_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
_DEEPEST = 4
"""Levels at which a nested list of rows is looked for."""


def read_json(
    path: Path, text: str, columns: Collection[str] | None = None, *, tagged: bool = False, skip: bool = False
) -> tuple[Table, list[BadRow]]:
    """Read objects into a table with a row for each of them; a column that a row lacks is null there.

    A single object that holds whole columns, as pandas writes it, is read as such: lists of the same length, or
    objects with the same keys.

    Args:
        path: the file.
        text: its text.
        columns: the columns whose values are needed; all others are null. None needs all.
        tagged: rows hold lists of words, so that a list alone is no column.
        skip: lines that are not JSON are bad rows.

    Returns:
        the table without its bad rows, and these.

    Raises:
        DataError: the file is not JSON, holds no row, or holds its rows somewhere inside.
    """
    values, broken = _parsed(path, text, columns, skip=skip)
    if len(values) == 1 and (split := _split(values[0])) is not None:
        return _noted(Table.of_rows(split, columns), f"{path}: read as pandas splits it, columns and data"), []
    if len(values) == 1 and isinstance(values[0], dict) and columns is not None and not tagged:
        _check_lengths(path, values[0], columns)
    if len(values) == 1 and isinstance(values[0], dict) and (turned := _turned(values[0], columns, tagged=tagged)):
        rows, how = turned
        return _noted(Table.of_rows(rows, columns), f"{path}: read column by column: {how}"), []
    rows = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    numbers = [number for number in range(1, len(rows) + len(broken) + 1) if number not in broken]
    laws = dict(broken)
    for number, row in zip(numbers, rows, strict=True):
        if not isinstance(row, dict):
            laws[number] = f"a row must be an object with its columns, got {_described(row)}"
    if not rows and not laws:
        raise DataError(f"{path}: holds no examples")
    good = [(number, row) for number, row in zip(numbers, rows, strict=True) if number not in laws]
    _check_depth(path, [row for _, row in good], columns)
    table = Table.of_rows([row for _, row in good], columns)
    bad = [BadRow(number, laws[number]) for number in sorted(laws)]
    return (Table(table.columns, table.rows, numbers=[n for n, _ in good]) if bad else table), bad


def _noted(table: Table, note: str) -> Table:
    return Table(table.columns, table.rows, notes=(note,))


def _parsed(path: Path, text: str, columns: Collection[str] | None, *, skip: bool) -> tuple[list[Any], dict[int, str]]:
    """The values of a file, and the lines that are none if they may be skipped, by their number among the rows."""
    try:
        return list(_values(text, columns)), {}
    except RecursionError:
        raise DataError(f"{path}: cannot be loaded: values are nested too deep") from None
    except ValueError as error:
        if not skip or not text.lstrip().startswith("{"):
            raise DataError(f"{path}: cannot be loaded: {error}{_around(text, error)}") from error
    values: list[Any] = []
    broken: dict[int, str] = {}
    for number, line in enumerate(filter(str.strip, text.splitlines()), 1):
        try:
            (value,) = _values(line, columns)
            values.append(value)
        except (ValueError, RecursionError) as error:
            broken[number] = f"not JSON: {error}"
    return values, broken


def _around(text: str, error: ValueError) -> str:
    """What stands where a text is no longer JSON."""
    start = getattr(error, "pos", None)
    if start is None:
        return ""
    line = text[start : start + 40].partition("\n")[0]
    return f", where {line!r} stands" if line else ", where the line ends"


def _values(text: str, columns: Collection[str] | None) -> Iterator[Any]:
    """The JSON values that stand one after another in a text."""
    decode, position = json.JSONDecoder(object_pairs_hook=partial(_object, columns=columns)).raw_decode, 0
    while (position := _next_character(text, position)) < len(text):
        value, position = decode(text, position)
        yield value


def _object(pairs: list[tuple[str, Any]], columns: Collection[str] | None) -> Row:
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


def _turned(value: Row, columns: Collection[str] | None, *, tagged: bool) -> tuple[list[Row], str] | None:
    """The rows of an object that holds whole columns, and how they lie there; None if it is a row itself."""
    inner = list(value.values())
    if not inner or (columns is not None and value.keys().isdisjoint(columns) and not _are_objects(inner)):
        return None
    if _are_objects(inner):
        names = list(inner[0])
        if any(list(each) != names and set(each) != set(names) for each in inner):
            return None
        if _is_by_row(value, names, columns):
            return inner, "each key is a row"
        return [{name: value[name][key] for name in value} for key in names], "each key is a column"
    lists = all(isinstance(each, list) and len(each) == len(inner[0]) for each in inner)
    if lists and inner[0] and len(inner) > 1 and all(_is_cell(item, tagged=tagged) for each in inner for item in each):
        return [dict(zip(value, row, strict=True)) for row in zip(*inner, strict=True)], "each key is a column"
    return None


def _split(value: Any) -> list[Row] | None:
    """The rows of an object of column names and lists of cells (pandas' `orient="split"`); None if it is none."""
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        return None
    names, rows = value.get("columns"), value["data"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or not rows:
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    return [dict(zip(names, row, strict=True)) for row in rows]


def _check_lengths(path: Path, value: Row, columns: Collection[str]) -> None:
    """Refuse an object that holds whole columns which do not have as many cells, or not the same rows."""
    inner = {name: value[name] for name in value if name in columns}
    kinds = {type(column) for column in inner.values()}
    if len(inner) < 2 or kinds not in ({list}, {dict}):
        return
    sizes = {name: len(column) for name, column in inner.items()}
    if len(set(sizes.values())) > 1 or (kinds == {dict} and len({frozenset(column) for column in inner.values()}) > 1):
        described = ", ".join(f"{name!r} {size}" for name, size in sizes.items())
        raise DataError(f"{path}: cannot be read column by column: columns differ in their rows ({described})")


def _is_cell(item: Any, *, tagged: bool) -> bool:
    """Whether a value is one of many in a column: a list of words where words are tagged, else no list."""
    return isinstance(item, list) if tagged else not isinstance(item, list | dict)


def _are_objects(values: Sequence[Any]) -> bool:
    return len(values) > 1 and all(isinstance(each, dict) and each for each in values)


def _is_by_row(value: Row, names: Sequence[str], columns: Collection[str] | None) -> bool:
    """Whether the outer keys of an object of objects name rows, and not columns."""
    if columns is not None:
        return value.keys().isdisjoint(columns) and not set(names).isdisjoint(columns)
    return all(key.isdigit() for key in value) or not all(name.isdigit() for name in names)


def _check_depth(path: Path, rows: Sequence[Row], columns: Collection[str] | None) -> None:
    """Refuse rows of which no column is needed, if the rows that are meant may lie inside them."""
    if columns is None or any(name in columns for row in rows for name in row):
        return
    nested = list(nested_lists(rows))
    if not nested:
        return
    described = "; ".join(f"{name} (with {', '.join(inner)})" if inner else name for name, inner in nested[:_DEEPEST])
    best, inner = max(nested, key=lambda item: len(_last(item[1]) & set(columns)))
    meant = [f"{name.rpartition('.')[2]} in {name!r}" for name in inner if name.rpartition(".")[2] in columns]
    named = f" ({', '.join(meant)})" if meant else ""
    raise DataError(
        f"{path}: there is no column {', '.join(map(repr, sorted(columns)))} at the top, and lists lie inside: "
        f"{described}; explode = {best!r} makes rows of its items, and columns are then named by their paths{named}"
    )


def _last(paths: Sequence[str]) -> set[str]:
    """The last names of some paths."""
    return {path.rpartition(".")[2] for path in paths}


def nested_lists(rows: Sequence[Any], path: str = "", depth: int = 0) -> Iterator[tuple[str, list[str]]]:
    """The nested lists of rows by their paths, each with the columns that its objects have."""
    if depth == _DEEPEST:
        return
    keys = dict.fromkeys(key for row in rows[:50] if isinstance(row, dict) for key in row)
    for key in keys:
        inner = [row[key] for row in rows[:50] if isinstance(row, dict) and key in row]
        name = f"{path}.{key}" if path else key
        items = [item for value in inner if isinstance(value, list) for item in value]
        if items and not all(isinstance(item, list) for item in items):
            fields = dict.fromkeys(f"{name}.{field}" for item in items[:50] if isinstance(item, dict) for field in item)
            yield name, list(fields)
        yield from nested_lists(items or [value for value in inner if isinstance(value, dict)], name, depth + 1)


def _described(value: Any) -> str:
    return "null" if value is None else f"{_KINDS[type(value)]}: {json.dumps(value, ensure_ascii=False)[:80]}"
