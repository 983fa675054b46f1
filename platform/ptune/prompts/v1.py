"""P-tuning v1: prompt vectors among the input embeddings (Liu et al., "GPT Understands, Too", section 3).

Knows the vectors, not their places: an input marks the place of prompt token j with the id -(j + 1).
"""

from __future__ import annotations

from torch import Tensor, nn


class InputPrompt(nn.Module):
    """T vectors [T, E] of a backbone's embedding width, from any encoder of that width."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self) -> Tensor:
        """Return the prompt's embeddings [T, E]."""
        vectors: Tensor = self.encoder()
        return vectors
