"""P-tuning v2: keys and values in front of the text, in chosen layers (Liu et al., P-Tuning v2, section 3.2).

Shapes: T prompt positions · C chosen layers · N key/value heads · D head width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PrefixPrompt(nn.Module):
    """Keys and values for T positions in C layers, from any encoder of width C * 2 * N * D.

    Attributes:
        layers: the chosen layers, ascending, counted from 0 at the embeddings.
        shifted: whether text positions start at T (as PEFT and the paper's code have it) instead of 0.
        dropout: probability of zeroing an element of keys and values while training.
        lengths: the prompt's length in each chosen layer, at most T.
    """

    def __init__(
        self,
        encoder: nn.Module,
        layers: tuple[int, ...],
        heads: int,
        head_width: int,
        *,
        shifted: bool,
        dropout: float,
        lengths: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.layers = layers
        self.heads = heads
        self.head_width = head_width
        self.shifted = shifted
        self.dropout = dropout
        self.lengths = lengths

    def forward(self) -> Tensor:
        """Return keys (index 0) and values (index 1) as [C, 2, T, N, D]; the table's columns are in PEFT's order."""
        table: Tensor = self.encoder()
        return table.view(table.shape[0], len(self.layers), 2, self.heads, self.head_width).permute(1, 2, 0, 3, 4)

    def drop(self, prefix: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        """One copy of the prefix for each row, [B, C, 2, T, N, D], elements dropped from the learner's own stream."""
        copies = prefix.expand(rows, *prefix.shape)
        if self.dropout == 0.0:
            return copies
        kept = torch.rand(copies.shape, generator=generator) >= self.dropout
        return copies * kept.to(copies.device) / (1.0 - self.dropout)
