"""What class scores are worth against labels. Knows no model."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import Tensor
from torch.nn import functional


def measure(scores: Tensor, labels: np.ndarray) -> dict[str, float]:
    """Metrics of class scores [examples, C] against labels: loss, accuracy, macro_f1, and two that keep one honest.

    `majority_baseline` is the accuracy of always answering the most frequent label of this split,
    `constant_prediction` is 1.0 when the learner gives every example the same answer.
    """
    answers = scores.argmax(dim=1).numpy()
    return {
        "loss": float(functional.cross_entropy(scores, torch.as_tensor(labels))),
        "accuracy": float((answers == labels).mean()),
        "macro_f1": float(f1_score(labels, answers, average="macro", zero_division=0.0)),
        "majority_baseline": float(np.bincount(labels).max() / len(labels)),
        "constant_prediction": float(len(np.unique(answers)) == 1),
    }
