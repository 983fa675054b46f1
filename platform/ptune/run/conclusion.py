"""What a search leaves behind at its end. Imports no torch: the conclusion travels from an engine to the driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ptune.record.events import Metrics

ARTIFACT = "artifact"
PEFT_ARTIFACT = "artifact-peft"
"""Names of folders in a search's folder: of the best prompt, in ptune's own format and in PEFT's."""


@dataclass(frozen=True)
class Conclusion:
    """What a search leaves behind; nothing for a search without a result."""

    artifact: Path | None = None
    """The folder of the best prompt."""
    peft: Path | None = None
    """The folder of the best prompt in PEFT's format, if the job asks for it."""
    peft_refused: str | None = None
    """Why PEFT's format was asked for and not written."""
    test: Metrics | None = None
    """Scores of the best prompt on the test split; None without a test split."""
    tested: Mapping[int, Metrics] = field(default_factory=dict)
    """Test scores by trial that the journal does not hold yet; only confirmations score every trial."""
