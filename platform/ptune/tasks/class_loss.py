"""The loss of kinds that choose among classes.

Shapes: B what is classified · C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class ClassLoss:
    """Cross-entropy as `torch.nn.CrossEntropyLoss(weight, label_smoothing)` has it.

    Only training knows it: the `loss` that trials report of dev is the plain one, so that trials are comparable.

    Attributes:
        weights: of each class; empty where all count alike.
        smoothing: the share of the target's probability that is spread evenly over all classes (Szegedy et al. 2016,
            section 7).
    """

    weights: tuple[float, ...] = ()
    smoothing: float = 0.0

    def of(self, scores: Tensor, labels: Sequence[int]) -> Tensor:
        """The mean over B scores [B, C] under the weights of their labels, a scalar; 0 if there are none."""
        if not labels:
            return scores.sum()
        targets = torch.tensor(labels, dtype=torch.long, device=scores.device)
        weight = torch.tensor(self.weights, dtype=scores.dtype, device=scores.device) if self.weights else None
        return functional.cross_entropy(scores, targets, weight, label_smoothing=self.smoothing)

    def counts(self, labels: Sequence[int]) -> np.ndarray:
        """How much each of some labels counts in that mean, [B]."""
        return np.array(self.weights)[list(labels)] if self.weights else np.ones(len(labels))


PLAIN = ClassLoss()
"""All classes count alike, and labels are what they are."""
