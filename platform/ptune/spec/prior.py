"""What is known before a search begins, and is tried first: earlier searches, published settings, recorded curves."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from ptune.spec.strict import Strict, broken
from ptune.spec.texts import SEARCH_NAME
from ptune.spec.tracking import RUNS

_RUN = re.compile(rf"{RUNS}\w+", re.ASCII)


def _earlier(text: str) -> str:
    if _RUN.fullmatch(text) or re.fullmatch(SEARCH_NAME, text):
        return text
    raise broken(
        f"must be the name of a search in the runs folder, or {RUNS}RUN_ID, the run of a search in MLflow, got {text!r}"
    )


class Prior(Strict):
    """Earlier searches, published settings, recorded learning curves, or several of these."""

    searches: list[Annotated[str, AfterValidator(_earlier)]] = Field(default_factory=list)
    """Their names in the same runs folder, or their runs in MLflow, `runs:/RUN_ID`."""
    best: int = Field(3, ge=1, le=100)
    """How many configurations of each search and of each table are tried."""
    published: bool = False
    """Whether the settings are tried that are published for the job's kind of task and its backbone."""
    recorded: bool | list[str] = False
    """Whether the best configurations are tried of the recorded curves that ship with ptune for the job's kind of task;
    or the names of their tables."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.searches and not self.published and not self.recorded:
            raise broken("must name searches, or say published = true or recorded = true, or several of these")
        return self

    @property
    def names(self) -> str:
        """The searches in a sentence."""
        return ", ".join(self.searches)
