"""Per-layer keys and values in front of a frozen backbone's own, through transformers' attention interface.

The prefix travels as an explicit argument of the forward pass, so there is no global state and every row of a batch
may carry another prefix. An attention call's layer is its turn in the forward pass: layers run in order, also where
one module serves several depths (ALBERT). In encoder-decoders the self-attention modules are numbered instead, the
encoder's first, and cross attention takes no prefix.

Shapes: B rows · N key/value heads · T prompt positions · Q text positions · D head width.
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

IMPLEMENTATION = "ptune_prefix"


@dataclass(frozen=True)
class LayerPrefix:
    """What one layer's attention sees before the text; handed to a layer that is run by itself, as often as it runs.

    Attributes:
        key: [B, N, T, D], as attention uses them: after any rotary embedding or normalisation.
        value: [B, N, T, D].
        visible: [B, T], False where a row's prompt is shorter than T or does not reach this layer.
    """

    key: Tensor
    value: Tensor
    visible: Tensor


@dataclass
class Prefix:
    """The prefixes of one forward pass, by layer; None where no row has one. Serves a single pass."""

    layers: list[LayerPrefix | None]
    calls: int = field(default=0, init=False)
    """Attention calls seen so far; after the pass, the number of layers that ran."""

    def next_layer(self, module: torch.nn.Module) -> LayerPrefix | None:
        """The prefix of the attention call that a module makes: that of its number, or of its turn if it has none."""
        layer = getattr(module, _NUMBER, self.calls)
        if layer is None:
            return None
        self.calls += 1
        return self.layers[layer] if layer < len(self.layers) else None


_LONGEST_PLAIN = 512
_NUMBER = "ptune_layer"
_SELF = re.compile(r"(encoder|decoder)\.(?:block|layers)\.(\d+)\.(?:layer\.0\.SelfAttention|self_attn)")
_CROSS = re.compile(r"decoder\.(?:block|layers)\.\d+\.(?:layer\.1\.EncDecAttention|encoder_attn)")


def number_layers(model: torch.nn.Module, encoder_layers: int) -> None:
    """Number the attention modules of an encoder-decoder, on the modules, so that a copied model has them too."""
    for name, module in model.named_modules():
        if found := _SELF.fullmatch(name):
            setattr(module, _NUMBER, int(found[2]) + (encoder_layers if found[1] == "decoder" else 0))
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
    **_: Any,
) -> tuple[Tensor, None]:
    """Scaled dot-product attention over the layer's prefix and the text.

    The mask is [B, 1, Q, Q]: True where visible or, from models that make their own, what is added to a score.
    """
    if position_bias is not None:  # T5's: a prefix has no position, so it gets none
        attention_mask = torch.where(attention_mask, position_bias, torch.finfo(position_bias.dtype).min)
    layer = ptune_prefix.next_layer(module) if isinstance(ptune_prefix, Prefix) else ptune_prefix
    if layer is not None:
        key = torch.cat([layer.key.to(key.dtype), key], dim=2)
        value = torch.cat([layer.value.to(value.dtype), value], dim=2)
        attention_mask = _with_prefix(attention_mask, layer.visible, query.shape[2])
    if softcap is not None or _plainly(query):
        return _plain(query, key, value, attention_mask, scaling, dropout, softcap), None
    # is_causal stays False: causality is in the mask, and the flag would cut the keys to the query's length
    attended: tuple[Tensor, None] = sdpa_attention_forward(
        module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, is_causal=False
    )
    return attended


def _with_prefix(mask: Tensor, visible: Tensor, queries: int) -> Tensor:
    """The mask of prefix and text, [B, 1, Q, T + Q], from the text's mask and a prefix's visibility [B, T]."""
    columns = visible[:, None, None, :]
    if mask.dtype != torch.bool:
        columns = torch.zeros_like(columns, dtype=mask.dtype).masked_fill(~columns, torch.finfo(mask.dtype).min)
    rows = (columns.shape[0], mask.shape[1], queries, -1)
    return torch.cat([columns.expand(rows), mask.expand(rows)], dim=-1)


def _plainly(query: Tensor) -> bool:
    """Whether plain matrix products are faster: on CPUs, SDPA's backward pass in bfloat16 is several times slower.

    The scores of all positions then stand in memory, which is little for texts of a few hundred tokens.
    """
    return query.device.type == "cpu" and query.dtype == torch.bfloat16 and query.shape[2] <= _LONGEST_PLAIN


def _plain(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor,
    scaling: float | None,
    dropout: float,
    cap: float | None = None,
) -> Tensor:
    """Attention as matrix products [B, Q, heads, D]; its scores saturate at `cap` (Gemma 2), which SDPA cannot do."""
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores = query * (query.shape[-1] ** -0.5 if scaling is None else scaling) @ key.transpose(2, 3)
    if cap is not None:
        scores = torch.tanh(scores / cap) * cap
    hidden = torch.finfo(scores.dtype).min
    scores = scores.masked_fill(~mask, hidden) if mask.dtype == torch.bool else (scores + mask).clamp(min=hidden)
    weights = scores.softmax(dim=-1)
    if dropout > 0.0:
        weights = functional.dropout(weights, dropout)
    return (weights @ value).transpose(1, 2)


def _mask(*args: Any, **kwargs: Any) -> Tensor:
    """The boolean mask of transformers' SDPA path, always materialised, because a prefix is concatenated to it."""
    skips = {"allow_is_causal_skip": False, "allow_is_bidirectional_skip": False}
    mask: Tensor = sdpa_mask(*args, **{**kwargs, **skips})
    return mask


# The mask function must be registered under the same name: an unknown name silently yields no mask at all.
AttentionInterface.register(IMPLEMENTATION, attention)
AttentionMaskInterface.register(IMPLEMENTATION, _mask)
