"""What a search leaves behind at its end. Imports no torch: the conclusion travels from an engine to the driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ptune.record.events import Metrics
from ptune.spec.formats import FormatName

ARTIFACT = "artifact"
"""The folder of the best prompt in a search's folder; in another format, `artifact-FORMAT`."""


@dataclass(frozen=True)
class Conclusion:
    """What a search leaves behind; nothing for a search without a result."""

    artifact: Path | None = None
    """The folder of the best prompt."""
    exports: Mapping[FormatName, Path] = field(default_factory=dict)
    """The folders of the best prompt in further formats that the job asks for."""
    refused: Mapping[FormatName, str] = field(default_factory=dict)
    """Why formats that the job asks for are not written."""
    test: Metrics | None = None
    """Scores of the best prompt on the test split; None without a test split."""
    tested: Mapping[int, Metrics] = field(default_factory=dict)
    """Test scores by trial that the journal does not hold yet; only confirmations score every trial."""

    def at(self, folder: Path) -> Conclusion:
        """The same, where it lies in the search's folder on this node."""
        artifact = None if self.artifact is None else folder / self.artifact.name
        return replace(
            self, artifact=artifact, exports={name: folder / path.name for name, path in self.exports.items()}
        )
