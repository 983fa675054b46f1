"""Multi-label classification: any number of labels for each input, by a trained head with an output for each.

Shapes: B examples · C labels.
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

_UNDECIDED = 0.5
"""The threshold of a label that no example of the deciding split has."""


@dataclass(frozen=True)
class MultilabelKind:
    """Labels of one data set.

    Attributes:
        inputs: names of the texts, in order.
        labels: label names in the order of the head's outputs.
        thresholds: the probability from which each label is given; None lets the measured split decide.
    """

    inputs: list[str]
    labels: Sequence[str]
    thresholds: Sequence[float] | None = None

    def head_spec(self, layout: Layout) -> HeadSpec:  # noqa: ARG002 - of the signature that all kinds have
        """An output for each label."""
        return Linear(len(self.labels), pooled=True)

    def encode(self, split: Split, layout: Layout, backbone: Backbone, *, training: bool) -> Examples:  # noqa: ARG002
        """One row for each example, read where the family's classifier reads."""
        items = layout.encode_all(split.texts)
        return Examples.of(split, [[Row.of(item, (read_position(item, backbone),))] for item in items])

    def loss(self, output: HeadOutput) -> Tensor:
        """The binary cross-entropy, its mean over examples and labels."""
        scores_BC = output.scores.float()
        truth_BC = torch.as_tensor(self._truth(output.labels), dtype=torch.float32, device=scores_BC.device)
        return functional.binary_cross_entropy_with_logits(scores_BC, truth_BC)

    def answer(self, output: HeadOutput) -> Sequence[np.ndarray]:
        """The scores [C] of each example."""
        return list(output.scores.float().cpu().numpy())

    def decided(self, answers: Sequence[Any], examples: Examples) -> list[float]:
        """The threshold of each label that gives it the best F1 on a split; 0.5 for labels that it does not have."""
        shares_BC, truth_BC = _shares(np.stack(answers)), self._truth(examples.labels)
        return [_best_threshold(shares_BC[:, label], truth_BC[:, label]) for label in range(len(self.labels))]

    def measure(self, answers: Sequence[Any], examples: Examples) -> dict[str, float]:
        """Metrics of the labels that are given, and two numbers that put them into proportion.

        `macro_f1` and `map` are means over the labels that the split has; `macro_f1` counts those that are given, too.
        `map` is the mean average precision of the probabilities, which no threshold changes. `subset_accuracy` is the
        share of examples whose labels are all right. `majority_baseline` is the `micro_f1` of always answering the
        commonest label. `constant_prediction` is 1.0 when every example gets the same labels.
        """
        scores_BC, truth_BC = np.stack(answers), self._truth(examples.labels)
        shares_BC = _shares(scores_BC)
        thresholds = self.decided(answers, examples) if self.thresholds is None else self.thresholds
        given_BC = shares_BC >= np.array(thresholds)
        true_C, given_C, right_C = (values.sum(axis=0) for values in (truth_BC, given_BC, truth_BC & given_BC))
        seen, answered = np.flatnonzero(true_C), np.flatnonzero(true_C + given_C)
        scores, truth = torch.as_tensor(scores_BC), torch.as_tensor(truth_BC, dtype=torch.float32)
        precisions = [average_precision(shares_BC[:, label], truth_BC[:, label]) for label in seen]
        commonest = true_C.max()
        return {
            "loss": float(functional.binary_cross_entropy_with_logits(scores, truth)),
            "micro_f1": _f1(right_C.sum(), true_C.sum(), given_C.sum()),
            "macro_f1": _mean([_f1(right_C[label], true_C[label], given_C[label]) for label in answered]),
            "map": _mean(precisions),
            "subset_accuracy": float((truth_BC == given_BC).all(axis=1).mean()),
            "majority_baseline": _f1(commonest, true_C.sum(), len(truth_BC)),
            "constant_prediction": float((given_BC == given_BC[0]).all()),
        }

    def texts(self, strings: Sequence[str]) -> tuple[str, ...]:
        """The texts as they are."""
        return tuple(strings)

    def present(self, answer: Any, texts: tuple[Any, ...]) -> Prediction:  # noqa: ARG002
        """The labels whose probabilities reach their thresholds, and every label's probability, in their order."""
        assert self.thresholds is not None, "an artifact holds the thresholds that its dev split decided"
        shares = dict(zip(self.labels, _shares(np.asarray(answer)).tolist(), strict=True))
        given = [label for label, least in zip(self.labels, self.thresholds, strict=True) if shares[label] >= least]
        return {"labels": given, "probabilities": shares}

    def _truth(self, labels: Sequence[Sequence[int]]) -> np.ndarray:
        """Whether each example has each label [B, C]."""
        truth_BC = np.zeros((len(labels), len(self.labels)), dtype=bool)
        for row, own in zip(truth_BC, labels, strict=True):
            row[list(own)] = True
        return truth_BC


def average_precision(shares: np.ndarray, truth: np.ndarray) -> float:
    """The precision at each distinct probability, weighted by the examples that it adds to the recall.

    Args:
        shares: the probability of each example.
        truth: whether it has the label; at least one has.
    """
    right, taken = _right_from_above(shares, truth)[1:]
    return float((np.diff(right, prepend=0) * right / taken).sum() / right[-1])


def _best_threshold(shares: np.ndarray, truth: np.ndarray) -> float:
    """Halfway between two probabilities, or the lowest of all: where F1 is best, and the highest of equals."""
    if not truth.any():
        return _UNDECIDED
    levels, right, taken = _right_from_above(shares, truth)
    best = int((2 * right / (truth.sum() + taken)).argmax())
    return float(levels[best] if best + 1 == len(levels) else (levels[best] + levels[best + 1]) / 2)


def _right_from_above(shares: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct probabilities, highest first; how many examples reach each and have the label; and how many do."""
    order = np.argsort(-shares, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(shares[order])), len(order) - 1)
    return shares[order][ends], truth[order].cumsum()[ends], ends + 1


def _shares(scores: np.ndarray) -> np.ndarray:
    """The probabilities of scores, in double precision."""
    shares: np.ndarray = torch.sigmoid(torch.as_tensor(scores).double()).numpy()
    return shares


def _f1(right: float, true: float, given: float) -> float:
    """F1 of counts; 0 if nothing is true and nothing given."""
    return float(2 * right / (true + given)) if true + given else 0.0


def _mean(values: Sequence[float]) -> float:
    """The mean; 0 of none."""
    return float(np.mean(values)) if values else 0.0
