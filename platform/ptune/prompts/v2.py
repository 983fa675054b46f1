"""P-tuning v2: keys and values in front of the text, in chosen layers (Liu et al., P-Tuning v2, section 3.2).

Shapes: B rows · T prompt positions · C chosen layers · N key/value heads · D head width · W = C * 2 * N * D.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PrefixPrompt(nn.Module):
    """Keys and values for T positions in C layers, from any encoder of width W.

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
        """Return keys (index 0) and values (index 1) as [C, 2, T, N, D]."""
        table_TW: Tensor = self.encoder()
        # The columns W are in PEFT's order (layer, key or value, head), so that a table exports to PEFT as it is.
        table_TC2ND = table_TW.view(table_TW.shape[0], len(self.layers), 2, self.heads, self.head_width)
        return table_TC2ND.permute(1, 2, 0, 3, 4)

    def drop(self, prefix: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        """Copy a prefix [C, 2, T, N, D] for each row and drop elements of each copy, [B, C, 2, T, N, D].

        The random numbers come from `generator`, the learner's own stream, and so do not depend on its neighbours.
        """
        copies_BC2TND = prefix.expand(rows, *prefix.shape)
        if self.dropout == 0.0:
            return copies_BC2TND
        keep = torch.rand(copies_BC2TND.shape, generator=generator) >= self.dropout
        return copies_BC2TND * keep.to(copies_BC2TND.device) / (1.0 - self.dropout)
