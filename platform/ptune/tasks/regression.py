"""Regression: one number for each input, by a trained head with a single output.

Shapes: B examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ptune.backbone.backbone import Backbone
from ptune.data.sources import Split
from ptune.data.templates import Layout
from ptune.prompts.forward import HeadOutput
from ptune.prompts.heads import HeadSpec, Linear
from ptune.prompts.layout import read_position
from ptune.prompts.rows import Examples, Row
from ptune.tasks.kind import Prediction

_ALIKE = 1e-3
"""Predictions that spread less than this share of the labels' standard deviation count as one."""


@dataclass(frozen=True)
class RegressionKind:
    """Numbers of one data set, as its files have them.

    Attributes:
        inputs: names of the texts, in order.
    """

    inputs: list[str]

    def head_spec(self, layout: Layout) -> HeadSpec:  # noqa: ARG002 - of the signature that all kinds have
        """One output."""
        return Linear(1, pooled=True)

    def encode(self, split: Split, layout: Layout, backbone: Backbone, *, training: bool) -> Examples:  # noqa: ARG002
        """One row for each example, read where the family's classifier reads."""
        items = layout.encode_all(split.texts)
        return Examples.of(split, [[Row.of(item, (read_position(item, backbone),))] for item in items])

    def loss(self, output: HeadOutput) -> Tensor:
        """The mean squared error."""
        predicted_B = output.scores[:, 0].float()
        return functional.mse_loss(predicted_B, torch.tensor(output.labels, device=predicted_B.device))

    def answer(self, output: HeadOutput) -> Sequence[float]:
        """The number of each example."""
        numbers: list[float] = output.scores[:, 0].float().cpu().tolist()
        return numbers

    def measure(self, answers: Sequence[Any], examples: Examples) -> dict[str, float]:
        """Errors and correlations, and two numbers that put them into proportion.

        `pearson` and `spearman` are 0 where either side is constant; equal numbers share their mean rank.
        `majority_baseline` is the `mse` of always answering the split's mean, which is the variance of its numbers.
        `constant_prediction` is 1.0 when the answers spread less than a thousandth of the numbers' standard deviation.
        """
        predicted, labels = np.array(answers, dtype=np.float64), np.array(examples.labels, dtype=np.float64)
        squared = float(np.square(predicted - labels).mean())
        return {
            "loss": squared,
            "mse": squared,
            "mae": float(np.abs(predicted - labels).mean()),
            "pearson": _correlation(predicted, labels),
            "spearman": _correlation(_ranks(predicted), _ranks(labels)),
            "majority_baseline": float(labels.var()),
            "constant_prediction": float(np.ptp(predicted) <= _ALIKE * labels.std()),
        }

    def texts(self, strings: Sequence[str]) -> tuple[str, ...]:
        """The texts as they are."""
        return tuple(strings)

    def present(self, answer: Any, texts: tuple[Any, ...]) -> Prediction:  # noqa: ARG002
        """The number."""
        return {"value": answer}


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation; 0 where one side is constant, for which it has no value."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """The rank of each value, from 1; equal values share the mean of their ranks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: np.ndarray = (counts.cumsum() - (counts - 1) / 2)[places]
    return ranks
