"""The end of what a doctor prints: what is to be mended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptune.report.console import Terminal


def print_faults(console: Terminal, faults: Sequence[str]) -> None:
    """Print each fault on a line of its own, or that there is none."""
    if faults:
        console.print("\n[bold red]to mend[/]")
    for problem in faults:
        console.print(f"  {problem}", style="red", markup=False, soft_wrap=True)
    if not faults:
        console.print("\nall good", style="green")
