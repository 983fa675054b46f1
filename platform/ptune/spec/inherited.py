"""What a trial has begun with that goes on from the prompt of another trial of its search, as the record has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Epochs = _Count | Annotated[float, Field(ge=0)]  # such as 2.25, where trials report within epochs


@dataclass(frozen=True)
class Inherited:
    """The trained prompt and head of another trial, with which a trial begins."""

    trial: _Count
    """The number of that trial."""
    epoch: _Epochs
    """The epoch of that trial whose learner it is."""
    epochs: _Epochs
    """Epochs that have trained it: those of that trial up to that one, and what the trial had inherited itself."""

    def __str__(self) -> str:
        """In a few words: `inherits trial 3`."""
        return f"inherits trial {self.trial}"

    @property
    def told(self) -> str:
        """In a sentence: `the prompt of trial 3, trained for 9 epochs`."""
        return f"the prompt of trial {self.trial}, trained for {self.epochs} epoch{'' if self.epochs == 1 else 's'}"
