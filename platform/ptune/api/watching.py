"""What is shown while a search runs that Python has started."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptune.run.session import Observer


def observer_for(*, progress: bool) -> Observer | None:
    """A table below the cell of a notebook, a live table on a terminal, lines in a log; None shows nothing."""
    if not progress:
        return None
    from ptune.report.notebook import NotebookView, in_kernel

    if in_kernel():
        return NotebookView()
    from ptune.report.live import live_view

    return live_view(sys.stderr)
