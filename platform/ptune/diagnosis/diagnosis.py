"""A diagnosis: one thing that a search's own record shows to be wrong, and the next thing to try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "failures",
    "divergence",
    "standstill",
    "majority",
    "overfitting",
    "horizon",
    "edge",
    "lead",
    "optimism",
    "few_trials",
]
"""The law that speaks."""
Severity = Literal["problem", "advice"]
"""`problem`: training does not work, for some trials or for all. `advice`: it works, and could come to more."""


@dataclass(frozen=True)
class Diagnosis:
    """One thing that is wrong, and the next thing to try."""

    kind: Kind
    severity: Severity
    text: str
    """What the record shows: whole sentences with the trials, parameters and values that they are about."""
    advice: str
    """What to try next, in a few words, as a heading of `typed`."""
    typed: str
    """What to type for it: a command, an option of `ptune search`, or a line of the space."""
    trials: Sequence[int] = field(default_factory=list)
    """The trials that it is about, by number."""
    parameters: Sequence[str] = field(default_factory=list)
    """The parameters that it is about."""
    evidence: Mapping[str, float] = field(default_factory=dict)
    """The numbers that the law compared, by name."""
