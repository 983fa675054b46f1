"""Numbers with words beside them: in one table, or, where there is no room, with the words numbered below."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from ptune.report.console import Terminal

_LEAST = 40
"""Columns that words need beside numbers."""
_WIDE = Terminal(width=1000)


def beside_words(
    columns: Sequence[str],
    rows: Sequence[tuple[Sequence[str], RenderableType]],
    heading: str,
    width: int,
    *,
    numbered: bool = False,
) -> RenderableType:
    """The numbers of each row with its words, on `width` columns.

    Args:
        columns: heads of the numbers.
        rows: the numbers of each row, and its words.
        heading: of the words.
        width: columns to use.
        numbered: whether rows have their number even where the words stand beside.
    """
    if numbered:
        columns = ["#", *columns]
        rows = [([str(index), *cells], words) for index, (cells, words) in enumerate(rows, 1)]
    numbers = _numbers(columns)
    for cells, _ in rows:
        numbers.add_row(*cells)
    if width - _WIDE.measure(numbers).maximum >= _LEAST:
        numbers = _numbers(columns)
        numbers.add_column(heading, overflow="fold")
        for cells, words in rows:
            numbers.add_row(*cells, words)
        return numbers
    counted, below = _numbers(columns if numbered else ["#", *columns]), Table.grid(padding=(0, 1))
    below.add_column(justify="right")
    for index, (cells, words) in enumerate(rows, 1):
        counted.add_row(*cells if numbered else (str(index), *cells))
        below.add_row(f" {index}", words)
    return Group(counted, below)


def _numbers(columns: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
