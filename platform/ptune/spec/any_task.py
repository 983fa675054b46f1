"""What every kind of task has: its demands on a backbone, its heads, and how it is described and selected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, model_validator

from ptune.spec.data import HeadName
from ptune.spec.strict import RECORDED, Strict

Read = Literal["first", "last", "decoder"]
"""Where a classifier reads a backbone."""
Selection = Literal["smoothed", "first", "last"]
"""How the epoch of a trial is chosen whose learner is kept."""
TEXT: tuple[Read, ...] = ("first", "last")
NEEDS_TEXT = "reads the tokens of the text, as an encoder or a causal language model does"
"""The demand of tasks that read the text itself."""


class AnyTask(Strict):
    """The fields of every kind of task."""

    read: ClassVar[tuple[Read, ...]] = ("first", "last", "decoder")
    """The backbones that can answer, by where a classifier reads them, as `ptune.backbone.families` has it."""
    needs: ClassVar[str] = "needs any backbone"
    """The demand that `read` makes on a backbone, in words."""
    prompts_by_set: ClassVar[bool] = False
    """Whether each data set has a prompt of its own, and not only a head."""
    labelled: ClassVar[bool] = False
    """Whether its data sets have labels."""
    class_loss: ClassVar[bool] = False
    """Whether it learns by a cross-entropy over classes."""
    other_head: ClassVar[str] = ""
    """How to get the head that a task does not have; empty if there is no way."""
    decides: ClassVar[bool] = False
    """Whether the dev split decides from which probability a label is given."""
    always: ClassVar[str] = "the commonest answer"
    """The answer that `majority_baseline` scores, given to every input."""

    description: str | None = Field(None, pattern=r"\S")
    """What the task is, in words, such as `Is this review positive?`. Prompts with `init = "text"` start from it; None
    is the labels."""
    selection: Selection = "smoothed"
    """Which epoch of a trial is kept. `smoothed` takes the one up to which the mean dev value of three epochs is best,
    and trials rank by that mean. `first` and `last` take the best single epoch, and of several equal ones that one."""

    @model_validator(mode="before")
    @classmethod
    def _as_recorded(cls, written: Any, info: ValidationInfo) -> Any:
        """Journals that do not state `selection` are of versions that took the first best epoch."""
        return {"selection": "first", **written} if info.context == RECORDED and isinstance(written, dict) else written

    @property
    def language(self) -> bool:
        """Whether the task may need the backbone's language head, whatever a trial's `head` says."""
        return False

    @property
    def folds(self) -> int:
        """How many trials each configuration has by itself: one for each fold of the data, or one."""
        return self.data.folds or 1  # type: ignore[attr-defined]

    @property
    def smooths(self) -> bool:
        """Whether the labels that it learns from can be smoothed."""
        return self.class_loss

    @property
    def default_head(self) -> HeadName:
        """The head of trials that state none."""
        return "linear"

    @property
    def heads(self) -> Sequence[HeadName]:
        """The heads that trials may have."""
        return (self.default_head,)
