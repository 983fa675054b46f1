"""The trained prompt from which every trial of a search starts, as the record has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

_DIGITS = 12  # of the digest, in a sentence


@dataclass(frozen=True)
class StartedFrom:
    """The trained prompt from which every trial of a search starts."""

    uri: str | None
    """What the job names in MLflow or on the Hub; None for a folder."""
    search: str
    """Name of the search that trained it."""
    trial: Annotated[int, Field(ge=0, lt=2**63)]
    """Its number there."""
    digest: str
    """SHA-256 of its `prompt.safetensors`."""

    def __str__(self) -> str:
        """The prompt in a sentence: `trial 3 of quickstart (models:/triage@best, sha256 0123456789ab)`."""
        named = "" if self.uri is None else f"{self.uri}, "
        return f"trial {self.trial} of {self.search} ({named}sha256 {self.digest[:_DIGITS]})"
