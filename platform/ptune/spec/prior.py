"""What is known before a search begins: earlier searches, whose best configurations are tried first."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ptune.spec.strict import Strict
from ptune.spec.texts import SearchName


class Prior(Strict):
    """Earlier searches."""

    searches: Annotated[list[SearchName], Field(min_length=1)]
    """Their names; they are in the same runs folder."""
    best: int = Field(3, ge=1, le=100)
    """How many configurations of each are tried."""
