"""What every kind of task can do; one class for each kind, in a file of its own. Knows no optimiser and no search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from torch import Tensor

from ptune.backbone.backbone import Backbone
from ptune.data.sources import Split
from ptune.data.templates import Layout
from ptune.prompts.forward import HeadOutput
from ptune.prompts.heads import HeadSpec
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples

Prediction: TypeAlias = dict[str, Any]
"""An answer as people read it, ready for JSON. Each kind has keys of its own: a label, tags, a text."""


class TaskKind(Protocol):
    """One data set's task: from texts to rows, and from scores to a loss, answers and metrics."""

    def head_spec(self, layout: Layout) -> HeadSpec:
        """The head that the task needs, for inputs that are laid out like this.

        Raises:
            SpecError: a label's word does not stand for itself in this tokenizer.
        """

    def encode(self, split: Split, layout: Layout, backbone: Backbone, *, training: bool) -> Examples:
        """Encode a split as the backbone sees it. `training` leaves out what only answers need.

        Raises:
            DataError: an example cannot be encoded.
        """

    def loss(self, output: HeadOutput) -> Tensor:
        """The loss of some examples, a scalar."""

    def answer(self, output: HeadOutput) -> Sequence[Any]:
        """What is kept of each example's scores: small, on the CPU."""

    def measure(self, answers: Sequence[Any], examples: Examples) -> dict[str, float]:
        """Metrics of all answers to a data set's split: `loss`, and those of `ptune.spec.task.METRICS`."""

    @property
    def inputs(self) -> list[str]:
        """Names of the strings that one input to predict is made of, in order."""

    def texts(self, strings: Sequence[str]) -> tuple[Any, ...]:
        """Strings to predict for, as an example of a split has them."""

    def present(self, answer: Any, texts: tuple[Any, ...]) -> Prediction:
        """An answer as people read it, and the numbers behind it; see `present` of each kind for its keys."""


@runtime_checkable
class DecidingKind(Protocol):
    """A kind that gives labels from thresholds, which a split decides."""

    def decided(self, answers: Sequence[Any], examples: Examples) -> list[float]:
        """The threshold of each label that suits some answers to a split best."""


@runtime_checkable
class DecodingKind(Protocol):
    """A kind whose answers take passes of their own, each building on the last."""

    def decode(
        self, backbone: Backbone, learner: Learner, examples: Examples, answers: Sequence[Any], token_budget: int
    ) -> list[Any]:
        """Complete the answers to examples of one data set."""


@runtime_checkable
class WeighingKind(Protocol):
    """A kind whose loss is no plain mean of its examples."""

    def weights(self, examples: Examples) -> np.ndarray:
        """How much each example counts in the mean that the loss of a mini-batch is, [n]."""
