"""Rows one behind another without padding: what layers compute on, while attention may take rows.

Norms, projections and feed-forward treat each token by itself, so they need no rows, and what stands on padding is
computed for nothing. Knows no prompt and no layer.

Shapes: B rows · Q positions of the longest · S tokens of all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ptune.backbone.transfer import to_device


@dataclass(frozen=True)
class Unpadding:
    """Where the tokens of rows stand among all positions.

    Attributes:
        places: [S] the place of each token among the B * Q positions, row by row.
        starts: [B] how many tokens stand before each row.
        lengths: tokens of each row.
        width: Q.
    """

    places: Tensor
    starts: Tensor
    lengths: Sequence[int]
    width: int

    @classmethod
    def of(cls, lengths: Sequence[int], width: int, device: torch.device) -> Unpadding:
        """The unpadding of rows of these lengths, each at least 1, padded on the right to `width`."""
        counts = np.asarray(lengths)
        starts = np.cumsum(counts) - counts
        offsets = np.arange(len(counts)) * width - starts
        places = torch.from_numpy(np.arange(int(counts.sum())) + np.repeat(offsets, counts))
        return cls(to_device(places, device), to_device(torch.from_numpy(starts), device), lengths, width)

    def first(self, rows: int) -> Self:
        """That of the first rows."""
        if rows == len(self.lengths):
            return self
        places, starts = self.places[: sum(self.lengths[:rows])], self.starts[:rows]
        return replace(self, places=places, starts=starts, lengths=self.lengths[:rows])

    def last(self, rows: int) -> Self:
        """That of the last rows by themselves."""
        before = len(self.lengths) - rows
        tokens = sum(self.lengths[:before])
        places, starts = self.places[tokens:] - before * self.width, self.starts[before:] - tokens
        return replace(self, places=places, starts=starts, lengths=self.lengths[before:])

    def unpad(self, states: Tensor) -> Tensor:
        """States [B, Q, ...] as tokens [1, S, ...]."""
        return states.flatten(0, 1).index_select(0, self.places.to(states.device))[None]

    def pad(self, tokens: Tensor) -> Tensor:
        """Tokens [1, S, ...] as states [B, Q, ...], zero on padding."""
        rows, shape = len(self.lengths), tokens.shape[2:]
        blank = tokens.new_zeros(rows * self.width, *shape)
        return blank.index_copy(0, self.places.to(tokens.device), tokens[0]).view(rows, self.width, *shape)

    def at(self, tokens: Tensor, read: Tensor) -> Tensor:
        """The states [B, 1, ...] at one position [B] of each row, of tokens [1, S, ...]."""
        return tokens[0, (self.starts.to(read.device) + read).to(tokens.device)][:, None]
