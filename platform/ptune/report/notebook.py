"""Watch a search from a notebook: the live table as one output below the cell, redrawn in place.

The only module that imports IPython, which is there whenever a notebook's kernel runs.
"""

from __future__ import annotations

import io
import sys
from html import escape
from pathlib import Path

from ptune.report.console import PLAIN, Terminal
from ptune.report.live import POLL, Follower
from ptune.report.progress import Progress
from ptune.report.screen import line, picture

_LINES = 24
"""Lines of the table; a taller one pushes what follows it around."""
_FRAME = (
    '<pre style="white-space:pre; overflow-x:auto; line-height:1.25; background:none; color:inherit; '
    "font-family:ui-monospace,Menlo,'DejaVu Sans Mono',Consolas,monospace\">{code}</pre>"
)


def in_kernel() -> bool:
    """Whether this process is the kernel of a notebook, and not a terminal, IPython's included."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class NotebookView:
    """The table that redraws itself below a cell; at the end one line stays."""

    def __init__(self, poll: float = POLL) -> None:
        self._follower = Follower(self._show, self._lose, poll)
        self._display_id: str | None = None
        self._shown = ""
        self._line = ""

    def start(self, folder: Path) -> None:
        """Show the table of the search in `folder` below the cell that runs."""
        from IPython.display import display

        handle = display(_bundle("", ""), raw=True, display_id=True)
        self._display_id = handle.display_id
        self._follower.start(folder)

    def stop(self) -> None:
        """Leave one line in place of the table."""
        self._follower.stop()
        self._replace(_FRAME.format(code=escape(self._line)), self._line)

    def _show(self, progress: Progress, now: float) -> None:
        """Redraw the table, from the follower's thread."""
        self._line = line(progress, now) if progress.history.header else ""
        self._replace(as_html(progress, now), self._line)

    def _lose(self, message: str) -> None:
        """Leave what cannot be shown any further, and why."""
        self._line = message
        self._replace(_FRAME.format(code=escape(message)), message)

    def _replace(self, html: str, text: str) -> None:
        from IPython.display import display

        if html != self._shown and self._display_id is not None:
            self._shown = html
            display(_bundle(html, text), raw=True, display_id=self._display_id, update=True)


def as_html(progress: Progress, now: float) -> str:
    """The live table as HTML whose plain text takes the notebook's own colour, be it light or dark."""
    console = Terminal(
        file=io.StringIO(), record=True, width=PLAIN, height=_LINES, color_system="standard", force_jupyter=False
    )
    console.print(picture(progress, now, PLAIN, _LINES))
    return console.export_html(inline_styles=True, code_format=_FRAME)


def _bundle(html: str, text: str) -> dict[str, str]:
    """One output in both forms that a front end may show."""
    return {"text/html": html, "text/plain": text}
