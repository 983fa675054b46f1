"""What a fault is, what it has cost, and the table of both. Knows no search."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Costs:
    """What a fault has cost.

    Attributes:
        injected: how often it was injected.
        lost: trials that are missing at the end, or have failed.
        duplicated: runs of MLflow beyond one for each trial and one for the search, and further searches.
        retrained: epochs that were trained again although a sound state held them.
        seconds: for each injection, how long it took until another epoch was reported.
        broken: why the search did not come to its end; None if it did.
    """

    injected: int = 0
    lost: int = 0
    duplicated: int = 0
    retrained: int = 0
    seconds: list[float] = field(default_factory=list)
    broken: str | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether the fault was injected and has cost nothing but time."""
        return self.injected > 0 and self.broken is None and not (self.lost or self.duplicated or self.retrained)

    def cells(self) -> list[str]:
        """What the table shows of it."""
        if self.broken is not None:
            return ["", "", "", "", f"**broken**: {self.broken}"]
        seconds = f"{statistics.median(self.seconds):.1f}" if self.seconds else ""
        if len(self.seconds) > 1:
            seconds += f" (at most {max(self.seconds):.1f})"
        counts = [f"**{count}**" if count else "0" for count in (self.lost, self.duplicated, self.retrained)]
        return [str(self.injected), *counts, seconds]


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        name: what the command calls it.
        what: what happens, in words.
        play: runs a search on a `stage.Stage` and injects the fault.
    """

    name: str
    what: str
    play: Callable[..., Costs]


def table(played: Mapping[str, Costs]) -> str:
    """The costs of faults, which are named in words, as a table in Markdown; a count that is not zero stands out."""
    heads = ["fault", "times injected", "trials lost", "runs duplicated", "epochs retrained", "seconds to recover"]
    rows = [[what, *costs.cells()] for what, costs in played.items()]
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]
    rule = "|".join("-" * (width + 2) for width in widths)
    return "\n".join([f"| {lines[0]} |", f"|{rule}|", *(f"| {line} |" for line in lines[1:])])
