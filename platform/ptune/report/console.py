"""The console of rich for everything that is printed, and how wide the output for people is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from ptune.report.said import is_utf, visible

WIDEST = 140
"""Columns that are used of a terminal at most."""
PLAIN = 100
"""Columns where there is no terminal: in files, pipes and notebooks."""


class Terminal(Console):
    """A console of rich that writes what is visible, and what its stream can write."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of what is to be written; those that move the cursor are rich's own."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=self._writable(segment.text))

    def _writable(self, text: str) -> str:
        shown = visible(text)
        return shown if is_utf(self.encoding) else shown.encode(self.encoding, "replace").decode(self.encoding)


def console_on(stream: IO[str] | None = None) -> Terminal:
    """A console on a stream, by default standard output, as wide as people read well."""
    console = Terminal(file=stream)
    return Terminal(file=stream, width=min(console.width, WIDEST) if console.is_terminal else PLAIN)
