"""Cells of tables that people open in a spreadsheet, which runs what looks like a formula."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: T) -> T | str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before a text that would begin one.

    Numbers stay as they are, also where a text holds one, such as the label `-1`.
    """
    if not isinstance(cell, str) or not cell.startswith(_FORMULAS) or _is_number(cell):
        return cell
    return f"'{cell}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
