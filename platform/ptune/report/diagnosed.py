"""Diagnoses as people see them, on a terminal and in HTML: what is wrong, and below it what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ptune.diagnosis.diagnosis import Diagnosis

TITLE = "What to try next"
_SHOWN = 5


def print_diagnosed(console: Console, diagnoses: Sequence[Diagnosis], limit: int = _SHOWN) -> None:
    """Print the first diagnoses, if any. What is to be typed is never wrapped, so that it can be copied."""
    if not diagnoses:
        return
    console.print(Text(TITLE.lower(), style="dim"))
    for diagnosis in diagnoses[:limit]:
        style = "yellow" if diagnosis.severity == "problem" else ""
        console.print(Padding(Text(diagnosis.text, style=style), (0, 0, 0, 1)))
        typed = Text.assemble(("   → ", "dim"), f"{diagnosis.advice}: ", (diagnosis.typed, "cyan"))
        console.print(typed, soft_wrap=True)
    if len(diagnoses) > limit:
        console.print(Text(f" and {len(diagnoses) - limit} more in the report", style="dim"))
    console.print()


def diagnosis_list(diagnoses: Sequence[Diagnosis]) -> str:
    """All diagnoses as a list in HTML; nothing without any."""
    items = "".join(
        f'<li class="{escape(diagnosis.severity)}">{escape(diagnosis.text)}<br>'
        f"{escape(diagnosis.advice)}: <code>{escape(diagnosis.typed)}</code></li>"
        for diagnosis in diagnoses
    )
    return f'<ul class="diagnoses">{items}</ul>' if items else ""
