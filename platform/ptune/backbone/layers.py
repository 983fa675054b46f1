"""What a pass needs of a model's layers, however they run.

Shapes: B rows · Q positions · H hidden width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ptune.backbone.inject import Prefix
from ptune.backbone.unpadding import Unpadding


@dataclass(frozen=True)
class LayerInputs:
    """What the layers are given in one pass.

    Attributes:
        joining: hidden states [B_l, Q, H] of the rows that join before layer l; rows are ordered by that layer.
        visible: [B, Q] of all rows, False on padding.
        positions: [B, Q] position ids of all rows.
        prefix: keys and values of all rows, by layer.
        read: [B] the one position of each row that is read; None is all of them.
        stop: number of the layer before which to end; None is behind the last. States that join there are handed on as
            they are.
        recompute: whether the backward pass runs each layer again, instead of keeping all that it computed.
        unpadding: that of all rows, where layers are to compute on tokens without padding; None pads.
    """

    joining: Mapping[int, Tensor]
    visible: Tensor
    positions: Tensor
    prefix: Prefix | None
    read: Tensor | None = None
    stop: int | None = None
    recompute: bool = False
    unpadding: Unpadding | None = None


class Layers(ABC):
    """The layers of one model, before each of which rows can join."""

    width: int
    """H."""

    @abstractmethod
    def __len__(self) -> int:
        """How many there are."""

    @abstractmethod
    def embed(self, embeds: Tensor, positions: Tensor, types: Tensor) -> Tensor:
        """What the first layer is given, [B, Q, H], for input embeddings, position ids and token types."""

    @abstractmethod
    def run(self, inputs: LayerInputs) -> Tensor:
        """Run the layers: hidden states [B, Q, H], or [B, 1, H] where one position of each row is read."""

    def let_go(self) -> None:  # noqa: B027 - those that keep nothing have nothing to do
        """Give back the memory that is kept from pass to pass."""
