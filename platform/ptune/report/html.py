"""The parts that HTML reports are made of: tables, paragraphs and embedded pictures. Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

Cell = tuple[str, str]
"""A cell's class (`n`: a number, or nothing) and its HTML."""


def image(picture: bytes | None) -> str:
    """The curves, embedded; nothing without a picture."""
    if picture is None:
        return ""
    return f'<img alt="learning curves of all trials" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of some CSS class."""
    return f'<p class="{kind}">{escape(text)}</p>'


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, best: bool = False) -> str:
    """A table whose heads stand as their columns do; nothing without rows. `best`: the first row stands out."""
    if not rows:
        return ""
    kinds = [kind for kind, _ in rows[0]]
    head = "".join(f'<th class="{kind}">{escape(column)}</th>' for column, kind in zip(columns, kinds, strict=True))
    lines = []
    for index, row in enumerate(rows):
        cells = "".join(f'<td class="{kind}">{content}</td>' for kind, content in row)
        lines.append(f'<tr class="{"best" if best and index == 0 else ""}">{cells}</tr>')
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'
