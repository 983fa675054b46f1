"""The trained head: from the features of one position to class scores.

The structure is the family's usual one, so that an exported prompt fits the family's own classification model.
"""

from __future__ import annotations

from torch import Tensor, nn
from transformers.activations import ACT2FN

from ptune.prompts.encoders import INIT_STD


class ClassificationHead(nn.Module):
    """An output layer [H -> C], behind a trained dense layer [H -> H] with an activation where the family has one."""

    def __init__(self, hidden: int, classes: int, dense: str | None, bias: bool) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden, hidden) if dense else None
        self.activation = ACT2FN[dense] if dense else nn.Identity()
        self.out = nn.Linear(hidden, classes, bias=bias)
        for name, parameter in self.named_parameters():
            nn.init.zeros_(parameter) if name.endswith("bias") else nn.init.normal_(parameter, std=INIT_STD)

    def forward(self, features: Tensor) -> Tensor:
        """Return class scores [B, C] for features [B, H]."""
        if self.dense is not None:
            features = self.activation(self.dense(features))
        scores: Tensor = self.out(features)
        return scores
