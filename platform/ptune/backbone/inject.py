"""Per-layer keys and values in front of a frozen backbone's own, through transformers' attention interface.

The prefix travels as an explicit argument of the forward pass, so there is no global state and every row of a batch
may carry another prefix.

The attention interface does not say which layer calls it, so a prefix is found by the order of the calls: layers run
one after another, also where one module serves several depths (ALBERT). In encoder-decoders cross attention calls in
between, so their self-attention modules are numbered instead, the encoder's first. Cross attention takes no prefix.

Shapes: B rows · N key/value heads · M query heads · T prompt positions · Q text positions · K = T + Q positions that
are seen · D head width.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from ptune.backbone.footprint import LONGEST_PLAIN
from ptune.backbone.token_attention import TokenAttention
from ptune.backbone.unpadding import Unpadding

IMPLEMENTATION = "ptune_prefix"


@dataclass(frozen=True)
class LayerPrefix:
    """What one layer's attention sees before the text. A layer that runs by itself takes it directly.

    Attributes:
        key: [B, N, T, D], as attention uses them: after any rotary embedding or normalisation.
        value: [B, N, T, D].
        visible: [B, T], False where a row's prompt is shorter than T or does not reach this layer.
        lengths: how many positions each row sees, where those are its first; None where `visible` alone tells.
    """

    key: Tensor
    value: Tensor
    visible: Tensor
    lengths: tuple[int, ...] | None = None


@dataclass
class Prefix:
    """The prefixes of one forward pass, by layer; None where no row has one. Serves a single pass."""

    layers: list[LayerPrefix | None]
    calls: int = field(default=0, init=False)
    """Attention calls seen so far; after the pass, the number of layers that ran."""

    def next_layer(self, module: torch.nn.Module, key: Tensor, value: Tensor) -> LayerPrefix | None:  # noqa: ARG002
        """The prefix of an attention call.

        Args:
            module: the attention module that calls.
            key: [B, N, Q, D], the text's own keys in that layer.
            value: [B, N, Q, D], the text's own values.
        """
        layer = self._next(module)
        return self.layers[layer] if layer is not None and layer < len(self.layers) else None

    def _next(self, module: torch.nn.Module) -> int | None:
        """The layer that calls: by the module's number or, for a module without one, by the calls so far."""
        layer: int | None = getattr(module, _NUMBER, self.calls)
        self.calls += layer is not None
        return layer


class Recording(Prefix):
    """Puts nothing before the text, and keeps the keys and values that every layer computes for the text itself."""

    def __init__(self) -> None:
        super().__init__([])
        self.seen: dict[int, tuple[Tensor, Tensor]] = {}
        """Keys and values [B, N, Q, D] by layer."""

    def next_layer(self, module: torch.nn.Module, key: Tensor, value: Tensor) -> None:
        """Keep what the text itself has in that layer."""
        layer = self._next(module)
        if layer is not None:
            self.seen[layer] = (key, value)


_NUMBER = "ptune_layer"
_SELF = re.compile(r"(encoder|decoder)\.(?:block|layers)\.(\d+)\.(?:layer\.0\.SelfAttention|self_attn)")
_CROSS = re.compile(r"decoder\.(?:block|layers)\.\d+\.(?:layer\.1\.EncDecAttention|encoder_attn)")


def number_layers(model: torch.nn.Module, encoder_layers: int) -> None:
    """Number the attention modules of an encoder-decoder; the modules hold them, and so do copies."""
    for name, module in model.named_modules():
        if match := _SELF.fullmatch(name):
            setattr(module, _NUMBER, int(match[2]) + (encoder_layers if match[1] == "decoder" else 0))
        elif _CROSS.fullmatch(name):
            setattr(module, _NUMBER, None)


def attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    softcap: float | None = None,
    position_bias: Tensor | None = None,
    ptune_prefix: Prefix | LayerPrefix | None = None,
    ptune_unpadding: Unpadding | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Scaled dot-product attention over the layer's prefix and the text.

    Args:
        module: the attention module.
        query: [B, M, Q, D].
        key: [B, N, Q, D], and so `value`; N divides M where heads share keys.
        value: see `key`.
        attention_mask: [B, 1, Q, Q], True where visible; models that make their own mask give what is added to a score.
        scaling: factor of the scores; None is D ** -0.5.
        dropout: probability of dropping an attention weight.
        softcap: bound that the scores saturate at; None is none.
        position_bias: [1, M, Q, Q] added to the text's scores (T5).
        ptune_prefix: the prefixes of the pass, or that of this layer.
        ptune_unpadding: where queries, keys and values are those of tokens without padding, [1, M, S, D] and
            [1, N, S, D], how they lie in rows; the result is of tokens, too. A `TokenAttention` reads no mask.

    Returns:
        [B, Q, M, D], and None for the weights, which nothing reads.
    """
    layer = ptune_prefix.next_layer(module, key, value) if isinstance(ptune_prefix, Prefix) else ptune_prefix
    if isinstance(ptune_unpadding, TokenAttention):
        assert not dropout, "the layers run one by one without it"
        assert softcap is None, "families say so (`Family.sees_rows`)"
        assert position_bias is None, "families say so"
        return ptune_unpadding.attend(query, key, value, layer, scaling), None
    if ptune_unpadding is not None:
        query, key, value = (ptune_unpadding.pad(t.transpose(1, 2)).transpose(1, 2) for t in (query, key, value))
    if position_bias is not None:  # a prefix has no position, so the bias joins the mask before the prefix does
        attention_mask = torch.where(attention_mask, position_bias, torch.finfo(position_bias.dtype).min)
    if layer is not None:
        # The prompt may lie on another device than the layer: what the layer sees of it travels here.
        key = torch.cat([layer.key.to(key.device, key.dtype), key], dim=2)
        value = torch.cat([layer.value.to(value.device, value.dtype), value], dim=2)
        attention_mask = _with_prefix(attention_mask, layer.visible.to(key.device), query.shape[2])
    if softcap is not None or _plainly(query):
        attended = _plain(query, key, value, attention_mask, scaling, dropout, softcap)
    else:
        # is_causal stays False: causality is in the mask, and the flag would cut the keys to the query's length
        attended, _none = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, is_causal=False
        )
    return (attended if ptune_unpadding is None else ptune_unpadding.unpad(attended)), None


def _with_prefix(mask: Tensor, visible: Tensor, queries: int) -> Tensor:
    """The mask of prefix and text, [B, 1, Q, K], from the text's mask [B, 1, Q, Q] and a prefix's visibility [B, T]."""
    prefix_mask = visible[:, None, None, :]
    if mask.dtype != torch.bool:  # an additive mask: 0 where visible, the type's minimum where not
        hidden = torch.finfo(mask.dtype).min
        prefix_mask = torch.zeros_like(prefix_mask, dtype=mask.dtype).masked_fill(~prefix_mask, hidden)
    # Each part may be broadcast over rows, heads or queries; concatenation needs them as large as each other.
    sizes = (prefix_mask.shape[0], mask.shape[1], queries, -1)
    return torch.cat([prefix_mask.expand(sizes), mask.expand(sizes)], dim=-1)


def _plainly(query: Tensor) -> bool:
    """Whether plain matrix products are faster: on CPUs, SDPA's backward pass in bfloat16 is several times slower.

    Plain products hold the scores of all positions in memory, which is little for texts of a few hundred tokens.
    """
    return query.device.type == "cpu" and query.dtype == torch.bfloat16 and query.shape[2] <= LONGEST_PLAIN


def _plain(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor,
    scaling: float | None,
    dropout: float,
    cap: float | None = None,
) -> Tensor:
    """Attention as matrix products, [B, Q, M, D]; the scores saturate at `cap` (Gemma 2), which SDPA cannot do."""
    sharing = query.shape[1] // key.shape[1]  # query heads that share a key/value head
    if sharing > 1:
        key, value = key.repeat_interleave(sharing, dim=1), value.repeat_interleave(sharing, dim=1)
    scores_BMQK = query * (query.shape[-1] ** -0.5 if scaling is None else scaling) @ key.transpose(2, 3)
    if cap is not None:
        scores_BMQK = torch.tanh(scores_BMQK / cap) * cap
    hidden = torch.finfo(scores_BMQK.dtype).min
    if mask.dtype == torch.bool:
        scores_BMQK = scores_BMQK.masked_fill(~mask, hidden)
    else:
        scores_BMQK = (scores_BMQK + mask).clamp(min=hidden)  # a score plus the minimum may overflow to -inf
    weights_BMQK = scores_BMQK.softmax(dim=-1)
    if dropout > 0.0:
        weights_BMQK = functional.dropout(weights_BMQK, dropout)
    return (weights_BMQK @ value).transpose(1, 2)


def _mask(*args: Any, **kwargs: Any) -> Tensor:
    """The boolean mask of transformers' SDPA path, always materialised, because a prefix is concatenated to it."""
    skips = {"allow_is_causal_skip": False, "allow_is_bidirectional_skip": False}
    mask: Tensor = sdpa_mask(*args, **{**kwargs, **skips})
    return mask


# The mask function must be registered under the same name: an unknown name silently yields no mask at all.
AttentionInterface.register(IMPLEMENTATION, attention)
AttentionMaskInterface.register(IMPLEMENTATION, _mask)
