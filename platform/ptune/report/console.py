"""How wide the output for people is."""

from __future__ import annotations

from typing import IO

from rich.console import Console

WIDEST = 140
"""Columns that are used of a terminal at most."""
PLAIN = 100
"""Columns where there is no terminal: in files, pipes and notebooks."""


def console_on(stream: IO[str] | None = None) -> Console:
    """A console on a stream, by default standard output, as wide as people read well."""
    console = Console(file=stream)
    return Console(file=stream, width=min(console.width, WIDEST) if console.is_terminal else PLAIN)
