"""Prompt encoders: what produces a prompt's vectors while it trains.

Each is a module whose forward takes nothing and returns [T, W]: T prompt tokens, W values each. After training only
that output matters; the encoder is collapsed away. `start` replaces the random start of what the encoder reads, [T, W].
Knows nothing of where the vectors enter a backbone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

INIT_STD = 0.02


class EmbeddingEncoder(nn.Module):
    """The vectors themselves are the parameters, starting at N(0, 0.02); the first `frozen` of them never change."""

    frozen: Tensor | None

    def __init__(self, length: int, width: int, start: Tensor | None = None, frozen: int = 0) -> None:
        super().__init__()
        table = torch.empty(length, width).normal_(std=INIT_STD) if start is None else start.clone()
        self.table = nn.Parameter(table[frozen:])
        self.register_buffer("frozen", table[:frozen].clone() if frozen else None)

    def forward(self) -> Tensor:
        """Return the table [T, W]."""
        return self.table if self.frozen is None else torch.cat([self.frozen, self.table])

    @torch.no_grad()
    def begin(self, table: Tensor) -> bool:
        """Take the values of a whole table [T, W], the frozen ones too; False if it has another shape."""
        if self().shape != table.shape:
            return False
        frozen = len(table) - len(self.table)
        self.table.copy_(table[frozen:])
        if self.frozen is not None:
            self.frozen.copy_(table[:frozen])
        return True


class MlpEncoder(nn.Module):
    """P-tuning v1's MLP: an embedding through Linear, ReLU, Linear; `hidden` is the width between them."""

    def __init__(self, length: int, width: int, hidden: int, start: Tensor | None = None) -> None:
        super().__init__()
        self.seed = _seed(length, width, start)
        self.layers = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))

    def forward(self) -> Tensor:
        """Return the reshaped embedding [T, W]."""
        output: Tensor = self.layers(self.seed.weight)
        return output


class LstmEncoder(nn.Module):
    """P-tuning v1's LSTM: an embedding through a bidirectional LSTM of two layers and a ReLU MLP.

    "GPT Understands, Too", equation 4. `hidden` is the width of each direction.
    """

    def __init__(self, length: int, width: int, hidden: int, start: Tensor | None = None) -> None:
        super().__init__()
        self.seed = _seed(length, width, start)
        self.lstm = nn.LSTM(width, hidden, num_layers=2, bidirectional=True, batch_first=True)
        self.layers = nn.Sequential(nn.Linear(2 * hidden, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self) -> Tensor:
        """Return the reshaped embedding [T, W]."""
        states, _ = self.lstm(self.seed.weight[None])
        output: Tensor = self.layers(states[0])
        return output


class BottleneckEncoder(nn.Module):
    """P-tuning v2's prefix projection: an embedding of the backbone's width through a Tanh bottleneck.

    Weights start at N(0, 0.02) and biases at zero, as a transformers model initialises them. With a `start` [T, W], the
    network computes what is added to it, at first nothing.
    """

    start: Tensor | None

    def __init__(self, length: int, width: int, embedding: int, hidden: int, start: Tensor | None = None) -> None:
        super().__init__()
        self.seed = nn.Embedding(length, embedding)
        squeeze, output = nn.Linear(embedding, hidden), nn.Linear(hidden, width)
        self.layers = nn.Sequential(squeeze, nn.Tanh(), output)
        for name, parameter in self.named_parameters():
            nn.init.zeros_(parameter) if name.endswith("bias") else nn.init.normal_(parameter, std=INIT_STD)
        if start is not None:
            nn.init.zeros_(output.weight)
        self.register_buffer("start", start)

    def forward(self) -> Tensor:
        """Return the projected prefix [T, W]."""
        output: Tensor = self.layers(self.seed.weight)
        return output if self.start is None else self.start + output


def _seed(length: int, width: int, start: Tensor | None) -> nn.Embedding:
    seed = nn.Embedding(length, width)
    if start is not None:
        seed.weight.data.copy_(start)
    return seed
