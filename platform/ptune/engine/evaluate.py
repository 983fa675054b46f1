"""What a learner is worth: loss and scores on a split. Knows one learner at a time and changes nothing."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import Tensor
from torch.nn import functional

from ptune.backbone.load import Backbone
from ptune.data.batches import eval_batches
from ptune.engine.forward import Group, class_scores
from ptune.engine.rows import Examples
from ptune.prompts.learner import Learner


def predict(backbone: Backbone, learner: Learner, split: Examples, token_budget: int) -> Tensor:
    """Class scores [examples, C] on the CPU, in the split's order; no pass exceeds `token_budget` padded tokens."""
    batches = eval_batches(split.lengths, token_budget)
    with torch.inference_mode():
        parts = [class_scores(backbone, [Group(learner, split, indices)])[0][0].cpu() for indices in batches]
    back = torch.as_tensor(np.argsort(np.concatenate(batches)))
    return torch.cat(parts)[back]


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
