"""Attention on tokens without padding: each row sees its prompt and its text, and nothing is computed for padding.

A kernel takes rows of any lengths one behind another, with where each ends. The keys of a row are those of its prompt,
followed by those of its text, so a causal row that counts from its end sees all of its prompt.

Shapes: B rows · S tokens of all rows · R tokens that ask · K positions that all rows see · T prompt positions · M query
heads · N key/value heads · D head width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from ptune.backbone.transfer import to_device
from ptune.backbone.unpadding import Unpadding

if TYPE_CHECKING:
    from ptune.backbone.inject import LayerPrefix  # which hands its attention to this module


class Kernel(Protocol):
    """What attends to rows that stand one behind another, as `torch.nn.attention.varlen.varlen_attn` does."""

    def __call__(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        cu_seq_q: Tensor,
        cu_seq_k: Tensor,
        max_q: int,
        max_k: int,
        *,
        scale: float | None,
        window_size: tuple[int, int],
        enable_gqa: bool,
    ) -> Tensor:
        """What each query sees, [R, M, D].

        Args:
            query: [R, M, D].
            key: [K, N, D], and so `value`; N divides M where heads share keys.
            value: see `key`.
            cu_seq_q: [B + 1] in int32, how many queries stand before each row, and how many there are.
            cu_seq_k: the same of keys.
            max_q: most queries of a row.
            max_k: most keys of a row.
            scale: factor of the scores; None is D ** -0.5.
            window_size: (-1, -1) for all keys of the row, (-1, 0) for as many as stand before the query and with it,
                where the last query of a row stands with its last key.
            enable_gqa: whether heads share keys.
        """


@dataclass(frozen=True)
class TokenAttention(Unpadding):
    """Where the tokens of rows stand, and what attends to them as they are.

    Attributes:
        kernel: what attends.
        causal: whether a token sees nothing of its row's text behind it.
    """

    kernel: Kernel
    causal: bool
    _seen: dict[object, _Seen] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What has been found out for the layers of this pass."""

    @classmethod
    def over(cls, unpadding: Unpadding, kernel: Kernel, *, causal: bool) -> TokenAttention:
        """Attention of a kernel on the tokens of rows."""
        return cls(unpadding.places, unpadding.starts, unpadding.lengths, unpadding.width, kernel, causal)

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, layer: LayerPrefix | None, scaling: float | None
    ) -> Tensor:
        """Attention over a layer's prefix and the text, [1, R, M, D].

        Args:
            query: [1, M, R, D], of all tokens; where nothing is causal, also of any single token of each row.
            key: [1, N, S, D], and so `value`.
            value: see `key`.
            layer: what stands before the text, with its lengths; None is nothing.
            scaling: factor of the scores; None is D ** -0.5.
        """
        text = self._of(None, query.device)
        queries, most = text.ends, text.most
        if query.shape[2] != self.places.shape[0]:
            queries, most = torch.arange(len(self.lengths) + 1, dtype=torch.int32, device=query.device), 1
        seen = text if layer is None else self._of(layer, query.device)
        attended = self.kernel(
            query[0].transpose(0, 1),
            seen.joined(None if layer is None else layer.key, key),
            seen.joined(None if layer is None else layer.value, value),
            queries,
            seen.ends,
            most,
            seen.most,
            scale=scaling,
            window_size=(-1, 0 if self.causal else -1),
            enable_gqa=query.shape[1] != key.shape[1],
        )
        return attended[None]

    def _of(self, layer: LayerPrefix | None, device: torch.device) -> _Seen:
        """What the rows see; layers whose prompts are as long share it, because it travels to the device."""
        lengths, width = ((), 0) if layer is None else (layer.lengths, layer.key.shape[2])
        assert lengths is not None, "a pass on tokens knows how long its prompts are"
        known = (lengths, width, device)
        if known not in self._seen:
            self._seen[known] = _Seen.of(lengths, width, self.lengths, device)
        return self._seen[known]


@dataclass(frozen=True)
class _Seen:
    """Which keys rows see.

    Attributes:
        order: [K] the place of each key among the B * T prompt positions and the S tokens behind them; None where the
            tokens alone are seen.
        ends: [B + 1] in int32, how many keys stand before each row, and how many there are.
        most: keys of a row.
    """

    order: Tensor | None
    ends: Tensor
    most: int

    @classmethod
    def of(cls, prompts: Sequence[int], width: int, texts: Sequence[int], device: torch.device) -> _Seen:
        """What rows see of prompts and texts of these lengths, the prompts padded to `width`; no prompts are none."""
        tokens = np.asarray(texts)
        before = np.asarray(prompts) if prompts else np.zeros_like(tokens)
        ends = np.concatenate([[0], np.cumsum(before + tokens)]).astype(np.int32)
        order = to_device(torch.from_numpy(_order(before, width, tokens)), device) if prompts else None
        return cls(order, to_device(torch.from_numpy(ends), device), int((before + tokens).max()))

    def joined(self, prompts: Tensor | None, tokens: Tensor) -> Tensor:
        """Keys or values [K, N, D] of prompts [B, N, T, D] and of tokens [1, N, S, D]."""
        text = tokens[0].transpose(0, 1)
        if prompts is None or self.order is None:
            return text
        # The prompt may lie on another device than the layer: what the layer sees of it travels here.
        positions = prompts.to(text.device, text.dtype).transpose(1, 2).flatten(0, 1)
        return torch.cat([positions, text]).index_select(0, self.order)


def _order(prompts: np.ndarray, width: int, texts: np.ndarray) -> np.ndarray:
    """The places of the keys of all rows, see `_Seen.order`: of each row its prompt, and then its text."""
    rows = np.arange(len(texts))
    sizes = np.stack([prompts, texts], axis=1).ravel()
    begins = np.stack([rows * width, len(texts) * width + np.cumsum(texts) - texts], axis=1).ravel()
    order: np.ndarray = np.arange(int(sizes.sum())) + np.repeat(begins - (np.cumsum(sizes) - sizes), sizes)
    return order
