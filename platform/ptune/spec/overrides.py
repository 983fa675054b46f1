"""Overrides of a job file are noted at the end of its text, so that a search's copy of the file says how it ran."""

from __future__ import annotations

from collections.abc import Iterable

_MARK = "# --set "


def noted(overrides: Iterable[str]) -> str:
    """The lines to add to a job file's text."""
    return "".join(f"{_MARK}{override}\n" for override in overrides)


def found(text: str) -> list[str]:
    """The overrides that a job file's text notes."""
    return [line.removeprefix(_MARK).strip() for line in text.splitlines() if line.startswith(_MARK)]
