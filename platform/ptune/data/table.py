"""A table in memory: plain Python values by column. Files and data sets of the Hub become one before examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Table:
    """Columns of the same length.

    Attributes:
        columns: the values of each column; those of columns that nobody reads may be null.
        rows: number of rows.
        declared: the label names of columns, of columns of lists too, whose values are numbers of labels.
        numbers: the number in its source of each row, counted from 1; None where no row is left out.
        notes: what a reader has assumed, and is to be said.
    """

    columns: Mapping[str, Sequence[Any]]
    rows: int
    declared: Mapping[str, list[str]] = field(default_factory=dict)
    numbers: Sequence[int] | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, Any]], columns: Iterable[str] | None = None) -> Table:
        """A row for each mapping; what a row lacks is null there.

        Args:
            rows: values by column.
            columns: those that are needed; all others are null. None needs all.
        """
        wanted = None if columns is None else set(columns)
        names = dict.fromkeys(name for row in rows for name in row)
        nulls = [None] * len(rows)
        values = {
            name: [row.get(name) for row in rows] if wanted is None or name in wanted else nulls for name in names
        }
        return cls(values, len(rows))

    def __len__(self) -> int:
        """Number of rows."""
        return self.rows

    def __getitem__(self, name: str) -> Sequence[Any]:
        """The values of a column."""
        return self.columns[name]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows, as mappings."""
        names = list(self.columns)
        values = zip(*self.columns.values(), strict=True) if names else iter([()] * self.rows)
        return (dict(zip(names, row, strict=True)) for row in values)

    @property
    def column_names(self) -> list[str]:
        """The names of its columns, in order."""
        return list(self.columns)

    def number(self, index: int) -> int:
        """The number that a row has in its source, counted from 1."""
        return index + 1 if self.numbers is None else self.numbers[index]

    def select(self, rows: Sequence[int]) -> Table:
        """Some of the rows, in the order given."""
        columns = {name: [values[row] for row in rows] for name, values in self.columns.items()}
        return replace(self, columns=columns, rows=len(rows), numbers=[self.number(row) for row in rows])

    def renamed(self, names: Mapping[str, str]) -> Table:
        """The same with other names for some columns; names that it does not have do not matter."""
        columns = {names.get(name, name): values for name, values in self.columns.items()}
        declared = {names.get(name, name): labels for name, labels in self.declared.items()}
        return replace(self, columns=columns, declared=declared)

    def with_column(self, name: str, values: Sequence[Any]) -> Table:
        """The same with other values in a column, which then declares no labels."""
        declared = {key: labels for key, labels in self.declared.items() if key != name}
        return replace(self, columns={**self.columns, name: values}, declared=declared)
