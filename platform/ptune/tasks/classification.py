"""Classification: one label for each input, by a trained head or by the language head's words (a verbalizer)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from ptune.prompts.heads import HeadSpec, Linear, Verbalizer
from ptune.prompts.layout import read_position
from ptune.prompts.rows import Examples, Row
from ptune.spec.task import GROUPED
from ptune.tasks.class_loss import PLAIN, ClassLoss
from ptune.tasks.kind import Prediction
from ptune.tasks.verbalizer import label_words


@dataclass(frozen=True)
class ClassificationKind:
    """Labels of one data set.

    Attributes:
        inputs: names of the texts, in order.
        labels: label names in the order of the head's outputs.
        words: the words that stand for each label; None for a trained head.
        trained_by: what training minimises.
    """

    inputs: list[str]
    labels: Sequence[str]
    words: Mapping[str, Sequence[str]] | None = None
    trained_by: ClassLoss = PLAIN

    def head_spec(self, layout: Layout) -> HeadSpec:
        """A class for each label.

        Raises:
            SpecError: see `ptune.tasks.verbalizer.label_words`.
        """
        if self.words is None:
            return Linear(len(self.labels), pooled=True)
        return Verbalizer(label_words(self.words, self.labels, layout))

    def encode(self, split: Split, layout: Layout, backbone: Backbone, *, training: bool) -> Examples:  # noqa: ARG002
        """One row for each example, read where the family's classifier reads, or at the masks."""
        items = layout.encode_all(split.texts)
        reads = [item.masks if self.words is not None else (read_position(item, backbone),) for item in items]
        return Examples.of(split, [[Row.of(*pair)] for pair in zip(items, reads, strict=True)])

    def loss(self, output: HeadOutput) -> Tensor:
        """Cross-entropy over the labels."""
        return self.trained_by.of(output.scores, output.labels)

    def weights(self, examples: Examples) -> np.ndarray:
        """The weight of each example's label."""
        return self.trained_by.counts(examples.labels)

    def answer(self, output: HeadOutput) -> Sequence[np.ndarray]:
        """The scores [C] of each example."""
        return list(output.scores.float().cpu().numpy())

    def measure(self, answers: Sequence[Any], examples: Examples) -> dict[str, float]:
        """Metrics of class scores, and two numbers that put them into proportion.

        `f1` belongs to the last label, the positive one of a binary task. `exact_groups` is reported for data that
        names groups: it is the share of groups whose answers are all right (MultiRC's exact match). `majority_baseline`
        is the accuracy of always answering the split's most frequent label. `constant_prediction` is 1.0 when every
        example gets the same answer.
        """
        scores, labels = np.stack(answers), np.array(examples.labels)
        predicted, groups = scores.argmax(axis=1), examples.splits[0].groups
        positive = len(self.labels) - 1
        return {
            "loss": float(functional.cross_entropy(torch.as_tensor(scores), torch.as_tensor(labels))),
            "accuracy": float((predicted == labels).mean()),
            "macro_f1": float(
                np.mean([_f1(labels == label, predicted == label) for label in np.union1d(labels, predicted)])
            ),
            "f1": _f1(labels == positive, predicted == positive),
            "matthews": _matthews(labels, predicted),
            **({GROUPED: _exact_groups(predicted == labels, groups)} if groups is not None else {}),
            "majority_baseline": float(np.bincount(labels).max() / len(labels)),
            "constant_prediction": float(len(np.unique(predicted)) == 1),
        }

    def texts(self, strings: Sequence[str]) -> tuple[str, ...]:
        """The texts as they are."""
        return tuple(strings)

    def present(self, answer: Any, texts: tuple[Any, ...]) -> Prediction:  # noqa: ARG002
        """The label, and every label's probability, in the order of the labels; they sum to 1."""
        shares = torch.softmax(torch.as_tensor(answer).double(), dim=0).tolist()
        probabilities = dict(zip(self.labels, shares, strict=True))
        return {"label": max(probabilities, key=probabilities.__getitem__), "probabilities": probabilities}


def _f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """F1 of one class; the arguments say which examples have it and are said to have it. It is 0 if there are none."""
    return float(2 * (labels & predicted).sum() / max(1, labels.sum() + predicted.sum()))


def _matthews(labels: np.ndarray, predicted: np.ndarray) -> float:
    """The correlation of labels and answers over any number of classes (Gorodkin 2004); 0 where one is constant."""
    classes = max(labels.max(), predicted.max()) + 1
    true_counts, predicted_counts = (
        np.bincount(values, minlength=classes).astype(float) for values in (labels, predicted)
    )
    count = float(len(labels))
    spread = (count**2 - predicted_counts @ predicted_counts) * (count**2 - true_counts @ true_counts)
    return (
        float(((labels == predicted).sum() * count - true_counts @ predicted_counts) / np.sqrt(spread))
        if spread
        else 0.0
    )


def _exact_groups(right: np.ndarray, groups: Sequence[Any]) -> float:
    all_right: dict[str, bool] = {}
    for group, good in zip(map(repr, groups), right, strict=True):
        all_right[group] = all_right.get(group, True) and bool(good)
    return float(np.mean(list(all_right.values())))
