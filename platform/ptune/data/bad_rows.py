"""Rows that cannot be used: found all at once, then refused or left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ptune.errors import DataError

_NAMED = 3
"""Rows left out that are named."""


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used.

    Attributes:
        number: its number, counted from 1, the first example.
        law: what is wrong with it.
    """

    number: int
    law: str


@dataclass(frozen=True)
class BadRows:
    """What is wrong with the rows of a table in one respect.

    Attributes:
        source: what a message begins with: the file, and the column where there is one.
        rows: the bad rows, at least one.
        of: number of all rows.
    """

    source: str
    rows: Sequence[BadRow]
    of: int

    def __str__(self) -> str:
        """The first bad row, and the number of others."""
        first, others = self.rows[0], len(self.rows) - 1
        further = f" ({others} more of {self.of} rows are bad)" if others else ""
        return f"{self.source}: row {first.number}: {first.law}{further}"


class BadRowsError(DataError):
    """Rows that cannot be used; `rows` says what is wrong with each, by its number."""

    rows: dict[int, str]

    @classmethod
    def of(cls, problems: Iterable[BadRows]) -> BadRowsError:
        """The error that reports several problems, one line for each."""
        problems = list(problems)
        error = cls("\n".join(map(str, problems)))
        error.rows = {row.number: row.law for problem in reversed(problems) for row in problem.rows}
        return error


def bad_rows(source: str, values: Sequence[Any], problem: Callable[[Any], str | None]) -> list[BadRows]:
    """The bad rows among some values; empty if every row is good.

    Args:
        source: what begins the message: the file, and the column where there is one.
        values: one value for each row.
        problem: says what is wrong with a value, or None.
    """
    bad = [BadRow(number, law) for number, value in enumerate(values, 1) if (law := problem(value))]
    return [BadRows(source, bad, len(values))] if bad else []


def refuse(problems: Sequence[BadRows]) -> None:
    """Raise an error that reports every problem; do nothing if there are none.

    Raises:
        BadRowsError: there is a problem.
    """
    if problems:
        raise BadRowsError.of(problems)


def left_out(source: str, bad: Sequence[BadRow], of: int) -> str:
    """What is said of rows that are left out: how many they are, and the first of them."""
    named = "; ".join(f"row {row.number}: {row.law}" for row in bad[:_NAMED])
    return f"{source}: {len(bad)} of {of} rows are left out: {named}{'; ...' if len(bad) > _NAMED else ''}"
