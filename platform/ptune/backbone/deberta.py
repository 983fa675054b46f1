"""DeBERTa (v1, v2, v3), whose attention does not go through transformers' attention interface.

Its attention modules get a forward pass of their own here, on the same weights, which ends in the attention that all
families share: the relative-position bias is what is added to the scores of the text, and a prefix, which has no
position, gets none (as in the P-tuning v2 code). DeBERTa's encoder hands its layers no further arguments, so the
prefix of a pass is kept in a context variable while that pass runs.

Shapes: B rows · N heads · Q positions · D head width · H hidden width.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.deberta import modeling_deberta as v1
from transformers.models.deberta_v2 import modeling_deberta_v2 as v2

from ptune.backbone.inject import Prefix, attention

_PREFIX: ContextVar[Prefix | None] = ContextVar("_PREFIX", default=None)


def open_to_prefixes(model: nn.Module) -> None:
    """Give a DeBERTa model the argument `ptune_prefix`, in place; its weights and their names stay."""
    for module in model.modules():
        if type(module) in _OPEN:
            module.__class__ = _OPEN[type(module)]


class _Carrying(nn.Module):
    """A model that keeps the prefix of a pass where its layers find it."""

    def forward(
        self, ptune_prefix: Prefix | None = None, attention_mask: Tensor | None = None, **arguments: Any
    ) -> Any:
        token = _PREFIX.set(ptune_prefix)
        mask = None if attention_mask is None else attention_mask.long()  # the convolution of v2 computes with it
        try:
            return super().forward(attention_mask=mask, **arguments)
        finally:
            _PREFIX.reset(token)


class _ModelV1(_Carrying, v1.DebertaModel):  # type: ignore[misc]
    pass


class _ModelV2(_Carrying, v2.DebertaV2Model):  # type: ignore[misc]
    pass


class _AttentionV1(v1.DisentangledSelfAttention):  # type: ignore[misc]
    """Scores are scaled before their bias is added, and the bias is computed from scaled queries."""

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor,
        *_: Any,
        relative_pos: Any,
        rel_embeddings: Any,
        **_unused: Any,
    ) -> tuple[Tensor, None]:
        query, key, value = self.transpose_for_scores(self.in_proj(hidden_states)).chunk(3, dim=-1)  # [B, N, Q, D]
        query_bias, value_bias = (
            self.transpose_for_scores(bias[None, None].to(query)) for bias in (self.q_bias, self.v_bias)
        )
        factor = 1 + len(self.pos_att_type)
        query, value = (query + query_bias) * (query.shape[-1] * factor) ** -0.5, value + value_bias
        bias = torch.zeros(())
        if self.relative_attention:
            distances = self.pos_dropout(rel_embeddings)
            bias = self.disentangled_att_bias(query, key, relative_pos, distances, factor)
        return _attend(self, query, key, value, attention_mask, bias, 1.0)


class _AttentionV2(v2.DisentangledSelfAttention):  # type: ignore[misc]
    """Projections come with rows and heads in one dimension."""

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor,
        *_: Any,
        relative_pos: Any,
        rel_embeddings: Any,
        **_unused: Any,
    ) -> tuple[Tensor, None]:
        heads = self.num_attention_heads
        projections = (self.query_proj, self.key_proj, self.value_proj)
        query, key, value = (self.transpose_for_scores(project(hidden_states), heads) for project in projections)
        factor = 1 + len({"c2p", "p2c"} & set(self.pos_att_type))
        bias = torch.zeros(())
        if self.relative_attention:
            distances = self.pos_dropout(rel_embeddings)
            bias = self.disentangled_attention_bias(query, key, relative_pos, distances, factor)
            bias = bias.unflatten(0, (-1, heads))  # [B, N, Q, Q]
        query, key, value = (states.unflatten(0, (-1, heads)) for states in (query, key, value))  # [B, N, Q, D]
        return _attend(self, query, key, value, attention_mask, bias, (query.shape[-1] * factor) ** -0.5)


_OPEN: dict[type[nn.Module], type[nn.Module]] = {
    v1.DebertaModel: _ModelV1,
    v1.DisentangledSelfAttention: _AttentionV1,
    v2.DebertaV2Model: _ModelV2,
    v2.DisentangledSelfAttention: _AttentionV2,
}


def _attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, visible: Tensor, bias: Tensor, scaling: float
) -> tuple[Tensor, None]:
    """Attention over queries, keys and values [B, N, Q, D] with a bias on the text's scores; returns [B, Q, H]."""
    bias = bias.to(query).expand(query.shape[0], query.shape[1], query.shape[2], query.shape[2])
    scores = bias.masked_fill(~visible.bool(), torch.finfo(query.dtype).min)
    dropout = module.dropout.p if module.training else 0.0
    attended, _ = attention(
        module, query, key, value, scores, scaling=scaling, dropout=dropout, ptune_prefix=_PREFIX.get()
    )
    return attended.flatten(2), None
