"""What a conductor hands out, and what it answers to a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ptune.record.history import FINAL, TrialRecord
from ptune.spec.trial import Config

Decision = Literal["continue", "pause", "finish"]


@dataclass(frozen=True)
class Turn:
    """A stretch of one trial's training; it ends when a report is not answered `continue`."""

    trial: int
    config: Config
    """The complete flat configuration; `TrialSpec.from_config` reads it."""
    epoch: int
    """Reports made before this turn."""


def as_it_stands(record: TrialRecord) -> Decision:
    """How a trial stands, as an answer to a report that changes nothing."""
    if record.status in FINAL:
        return "finish"
    return "pause" if record.status == "paused" else "continue"
