"""How much each class counts in training, where a job says that they do not count alike."""

from __future__ import annotations

from collections.abc import Sequence

from ptune.data.shown import answers
from ptune.data.sources import Split
from ptune.spec.class_weights import ClassWeights
from ptune.spec.data import Data


def class_weights(data: Data, train: Split, labels: Sequence[str]) -> dict[str, float]:
    """The weight of each class in the loss, in the order of the labels; empty where all count alike.

    `balanced` weighs a class by n / (classes * count), so that every class counts the same in total. A class that a
    training split does not hold has the weight of one that it holds once. Labels that a table leaves out have 1.

    Args:
        data: the data set.
        train: the examples that a trial learns from.
        labels: label names in the order of the head's outputs.
    """
    weights: ClassWeights | None = getattr(data, "class_weights", None)
    if weights is None:
        return {}
    if weights == "balanced":
        counts = dict(answers(train, data, labels))
        total = sum(counts.values())
        return {label: total / (len(labels) * max(counts.get(label, 0), 1)) for label in labels}
    assert isinstance(weights, dict), "what is not balanced is a table"
    return {label: weights.get(label, 1.0) for label in labels}
