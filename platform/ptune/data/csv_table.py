"""Files of separated cells, csv and tsv, as tables of strings."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ptune.data.bad_rows import BadRow
from ptune.data.table import Table
from ptune.data.text_file import Contents
from ptune.errors import DataError

_DELIMITERS = (",", ";", "\t", "|")
_NAMES = {"\t": "tab", " ": "space"}
_END = "\ue000"
"""A line behind the last one; a quote that nothing closes swallows it."""
_LOOKED_AT = 20
"""Rows from which a delimiter is guessed where no column is known."""
_QUOTED = re.compile(r'"([^"]|"")*""([^"]|"")*"')
_STATED = re.compile(r"\A\s*sep=(\W)\s*?$", re.MULTILINE)
"""The first line with which Excel states the delimiter."""
_JSON = re.compile(r'\s*(\[\s*)?\{\s*"')
"""How rows of JSON begin."""


@dataclass(frozen=True)
class Dialect:
    """How a file separates its cells."""

    delimiter: str
    quoted: bool

    def rows(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """The rows that are not blank, each with the number of the line on which it ends."""
        csv.field_size_limit(sys.maxsize)  # a text may be longer than the 128 KiB at which Python stops
        lines = io.StringIO(text, newline="")
        if self.quoted:
            reader = csv.reader(lines, delimiter=self.delimiter)
        else:
            reader = csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE)
        for row in reader:
            if row and not (len(row) == 1 and row[0].isspace()):
                yield reader.line_num, row


def read_csv(
    contents: Contents, text: str, columns: Collection[str] | None, delimiter: str | None
) -> tuple[Table, list[BadRow]]:
    """Read a table whose first line names its columns. Cells are strings, as written; what a row lacks is null.

    A tsv file has no quoting, so a bare `"` is a character like any other, as in GLUE's files.

    Args:
        contents: the file.
        text: its text.
        columns: the columns whose values are needed. Others cannot stop the reading, and are left out if they have no
            name or share it. None needs all.
        delimiter: what stands between cells; None takes what the header shows: the suffix's own, or another one if
            only that gives the needed columns.

    Returns:
        the table without its bad rows, and these.

    Raises:
        DataError: the header cannot be read, or names a needed column twice.
    """
    path = contents.path
    if _JSON.match(text) and delimiter is None:
        raise DataError(f"{path}: holds JSON, not cells: name it .jsonl or .json")
    if (excel := _STATED.match(text)) is not None:
        delimiter, text = delimiter or excel[1], "\n" * text.count("\n", 0, excel.end()) + text[excel.end() :]
    dialect, notes = _dialect(contents, text, columns, delimiter)
    rows = dialect.rows(f"{text}\n{_END}\n")
    try:
        header = [name.strip() for name in next(rows)[1]]
        if header == [_END]:
            raise DataError(f"{path}: holds no examples")
        body = list(rows)
    except csv.Error as error:
        raise DataError(f"{path}: cannot be loaded: {error}") from None
    if not body or body[-1][1] != [_END]:
        raise DataError(f"{path}: cannot be loaded: {_unclosed(text, body)}")
    _check_names(path, header, columns)
    good, bad = _judged(header, body[:-1], columns)
    notes += _quoted_note(path, dialect, header, [row for _, row in good])
    return _table(header, good, notes, bad), bad


def sniffed(contents: Contents, text: str) -> tuple[str, str]:
    """The delimiter that a file's suffix stands for, and the one with which its first rows have the same cells."""
    return _own(contents), _dialect(contents, text, None, None)[0].delimiter


def _own(contents: Contents) -> str:
    return "\t" if contents.kind in (".tsv", ".txt") else ","


def _dialect(
    contents: Contents, text: str, columns: Collection[str] | None, delimiter: str | None
) -> tuple[Dialect, list[str]]:
    """The dialect of a file, and what is to be said of it."""
    usual = _own(contents)
    if delimiter is not None:
        return _with(delimiter, contents.kind), []
    candidates = [_with(sign, contents.kind) for sign in (usual, *(sign for sign in _DELIMITERS if sign != usual))]
    scores = [_fit(dialect, text, columns) for dialect in candidates]
    best = candidates[scores.index(max(scores))] if max(scores) > scores[0] else candidates[0]
    if best.delimiter == usual:
        return best, []
    name = _NAMES.get(best.delimiter, best.delimiter)
    written = best.delimiter.replace("\t", "\\t")
    return best, [f'{contents.path}: cells are separated by {name!r}; delimiter = "{written}" states it']


def _with(delimiter: str, kind: str) -> Dialect:
    return Dialect(delimiter, quoted=not (kind == ".tsv" and delimiter == "\t"))


def _fit(dialect: Dialect, text: str, columns: Collection[str] | None) -> int:
    """How well a header suits: the needed columns that it has, or the cells that the first rows share with it."""
    rows = []
    try:
        for _, row in dialect.rows(text[: 1 << 20]):
            rows.append(row)
            if len(rows) > (_LOOKED_AT if columns is None else 0):
                break
    except csv.Error:
        return 0
    if not rows:
        return 0
    if columns is not None:
        return len({name.strip() for name in rows[0]} & set(columns))
    return len(rows[0]) if all(len(row) == len(rows[0]) for row in rows) else 0


def _check_names(path: object, header: Sequence[str], columns: Collection[str] | None) -> None:
    counts = Counter(header)
    repeated = sorted(name for name, count in counts.items() if count > 1 and (columns is None or name in columns))
    if repeated := [name for name in repeated if name]:
        raise DataError(f"{path}: the header names a column twice: {', '.join(map(repr, repeated))}")


def _judged(
    header: Sequence[str], body: Sequence[tuple[int, list[str]]], columns: Collection[str] | None
) -> tuple[list[tuple[int, list[str]]], list[BadRow]]:
    """The good rows with their numbers, and the bad ones: more cells than there are columns, or their names again.

    Where the first line names no needed column, it is the line that is wrong, and none of the others.
    """
    good, bad = [], []
    named = columns is None or not set(columns).isdisjoint(header)
    for number, (line, row) in enumerate(body, 1):
        if len(header) > 1 and len(row) == len(header) and row[-1].strip() == header[-1] and _is_header(row, header):
            bad.append(BadRow(number, f"line {line} is the header again"))
        elif named and len(row) > len(header) and any(row[len(header) :]):
            law = f"line {line} has {len(row)} cells, and the header has {len(header)}: quote a cell that holds the "
            bad.append(BadRow(number, f"{law}delimiter"))
        else:
            good.append((number, row))
    return good, bad


def _is_header(row: Sequence[str], header: Sequence[str]) -> bool:
    return [cell.strip().lstrip("\ufeff") for cell in row] == list(header)


def _table(
    header: Sequence[str], good: Sequence[tuple[int, list[str]]], notes: Sequence[str], bad: Sequence[BadRow]
) -> Table:
    rows = [row for _, row in good]
    counts = Counter(header)
    columns = {
        name: [row[index] if index < len(row) else None for row in rows]
        for index, name in enumerate(header)
        if name and counts[name] == 1
    }
    return Table(columns, len(rows), numbers=[number for number, _ in good] if bad else None, notes=tuple(notes))


def _unclosed(text: str, body: Sequence[tuple[int, list[str]]]) -> str:
    """The message that a quote is never closed, with the line on which its row begins."""
    line = body[-2][0] + 1 if len(body) > 1 else 1
    return f'a quote (") that opens in or after line {line} is never closed; the file has {text.count(chr(10))} lines'


def _quoted_note(path: object, dialect: Dialect, header: Sequence[str], rows: Sequence[list[str]]) -> list[str]:
    if dialect.quoted:
        return []
    doubled = any(_QUOTED.fullmatch(cell) for row in rows for cell in row if cell.startswith('"'))
    if not doubled and (len(rows) < 2 or not any(_all_quoted(rows, index) for index in range(len(header)))):
        return []
    return [f"{path}: some cells look quoted, and a tsv file has no quoting; name it .csv to unquote"]


def _all_quoted(rows: Sequence[list[str]], index: int) -> bool:
    """Whether every cell of a column stands between quotes."""
    return all(len(row) > index and len(row[index]) > 1 and row[index][0] == row[index][-1] == '"' for row in rows)
