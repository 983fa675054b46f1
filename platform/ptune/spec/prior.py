"""What is known before a search begins, and is tried first: earlier searches, published settings, recorded curves."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

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
    or the names of their tables. They take at most half of the trials."""

    @field_validator("recorded", mode="before")
    @classmethod
    def _all_or_named(cls, recorded: Any) -> Any:
        """One message for what is neither, where pydantic has one for each."""
        if isinstance(recorded, bool):
            return recorded
        if not isinstance(recorded, list) or not all(isinstance(name, str) for name in recorded):
            raise broken(f'must be true, false or names of tables such as ["sst2"], got {recorded!r}')
        if len(set(recorded)) < len(recorded):
            raise broken(f"must name each table once, got {recorded!r}")
        return recorded

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.searches and not self.published and not self.recorded:
            raise broken("must name searches, or say published = true or recorded = true, or several of these")
        return self

    @property
    def names(self) -> str:
        """The searches in a sentence."""
        return ", ".join(self.searches)
