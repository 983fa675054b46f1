"""The parts that HTML reports are made of: tables, paragraphs and embedded pictures. Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import NamedTuple


class Cell(NamedTuple):
    """A cell of a table."""

    kind: str
    """Its CSS class: `n` for a number, or nothing."""
    content: str
    """HTML."""
    value: float | None = None
    """By which it sorts, where its text does not say it."""


def number(text: str, value: float | None = None) -> Cell:
    """A cell with a number, and its whole value."""
    return Cell("n", escape(text), value)


def words(text: str) -> Cell:
    """A cell with words."""
    return Cell("", escape(text))


def link(text: str, address: str | None) -> str:
    """Words that lead to another page, or words alone."""
    if address is None:
        return escape(text)
    return f'<a href="{escape(address)}" target="_blank" rel="noopener">{escape(text)}</a>'


def image(picture: bytes | None) -> str:
    """The curves, embedded; nothing without a picture."""
    if picture is None:
        return ""
    return f'<img alt="learning curves of all trials" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of some CSS class."""
    return f'<p class="{kind}">{escape(text)}</p>'


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    best: bool = False,
    caption: str = "",
    few: int = 0,
    trials: Sequence[int] = (),
) -> str:
    """A table whose heads stand as their columns do; nothing without rows.

    Args:
        columns: the heads.
        rows: the cells of each row.
        best: whether the first row stands out.
        caption: what the table holds.
        few: rows that are shown until a reader asks for all, who can sort them; 0 for a table that stays as it is.
        trials: the trial of each row, for tables of trials.
    """
    if not rows:
        return ""
    head = "".join(
        f'<th scope="col" class="{cell.kind}">{escape(column)}</th>'
        for column, cell in zip(columns, rows[0], strict=True)
    )
    lines = []
    for index, row in enumerate(rows):
        kinds = ["best"] if best and index == 0 else ["later"] if 0 < few <= index else []
        trial = f' data-trial="{trials[index]}"' if trials else ""
        lines.append(f'<tr class="{" ".join(kinds)}"{trial}>{"".join(map(_cell, row))}</tr>')
    named = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    kind = f' class="sortable" data-few="{few}"' if few else ""
    return f'<div class="wide"><table{kind}>{named}{body}</table></div>'


def _cell(cell: Cell) -> str:
    value = "" if cell.value is None else f' data-value="{cell.value:.10g}"'
    return f'<td class="{cell.kind}"{value}>{cell.content}</td>'


def terms(rows: Sequence[tuple[str, str]]) -> str:
    """A list of names and what they are, as HTML; nothing without rows."""
    return (
        "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{content}</dd>" for name, content in rows) + "</dl>"
        if rows
        else ""
    )
