"""A BERT-like encoder, layer by layer: rows join where their own work begins, and leave all but what is read.

Below its first prompt a row's hidden states depend on its tokens alone, so they can be given instead of computed; in
the last layer only the positions that a head reads need queries, projections and feed-forward. Knows no prompt and no
cache.

Shapes: B rows · Q positions · H hidden width · D head width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ptune.backbone.inject import LayerPrefix, Prefix, attention


class Layers:
    """The layers of one model, run one after another.

    Args:
        model: a transformers model with BERT's layers: attention (query, key, value, output), intermediate, output.
    """

    def __init__(self, model: nn.Module) -> None:
        self._embeddings: Any = model.embeddings
        self._projection: Any = getattr(model, "embeddings_project", None)
        self._layers: Any = model.encoder.layer  # type: ignore[union-attr]
        self.width: int = model.config.hidden_size  # type: ignore[union-attr, assignment]
        """H."""

    def __len__(self) -> int:
        return len(self._layers)

    def embed(self, embeds: Tensor, positions: Tensor, types: Tensor) -> Tensor:
        """What the first layer is given, [B, Q, H], for input embeddings, position ids and token types."""
        hidden: Tensor = self._embeddings(inputs_embeds=embeds, position_ids=positions, token_type_ids=types)
        return hidden if self._projection is None else self._projection(hidden)

    def run(
        self,
        joining: Mapping[int, Tensor],
        visible: Tensor,
        positions: Tensor,  # noqa: ARG002 - BERT's are in its embeddings
        prefix: Prefix | None,
        read: Tensor | None = None,
        stop: int | None = None,
        *,
        recompute: bool = False,
    ) -> Tensor:
        """Run the layers.

        Args:
            joining: hidden states [B_l, Q, H] of the rows that join before layer l; rows are ordered by that layer.
            visible: [B, Q] of all rows, False on padding.
            positions: [B, Q] position ids of all rows.
            prefix: keys and values of all rows, by layer.
            read: [B] the one position of each row that is read; None is all of them.
            stop: number of the layer before which to end; None is behind the last.
            recompute: whether the backward pass runs each layer again, instead of keeping all that it computed.

        Returns:
            Hidden states [B, Q, H]; [B, 1, H] when `read` is given.
        """
        end = len(self) if stop is None else stop
        hidden: Tensor | None = None
        for number in range(min(joining), end):
            if number in joining:
                hidden = joining[number] if hidden is None else torch.cat([hidden, joining[number]])
            assert hidden is not None, "the loop begins where rows join"
            mask = visible[: hidden.shape[0], None, None, :].expand(-1, 1, hidden.shape[1], -1)
            own = prefix.layers[number] if prefix is not None else None
            if read is not None and number == end - 1:
                at = read[: hidden.shape[0]]
                hidden = run_layer(self._read, self._layers[number], hidden, mask, own, at, recompute=recompute)
            else:
                output = run_layer(self._layers[number], hidden, mask, ptune_prefix=own, recompute=recompute)
                hidden = output if isinstance(output, Tensor) else output[0]
        if end not in joining:
            assert hidden is not None, "some rows join"
            return hidden
        late = joining[end] if read is None else read_at(joining[end], read[-joining[end].shape[0] :])
        return late if hidden is None else torch.cat([hidden, late])

    @staticmethod
    def _read(layer: Any, hidden: Tensor, mask: Tensor, prefix: LayerPrefix | None, read: Tensor) -> Tensor:
        """One layer where each row is read at one position: queries, projection and feed-forward there alone."""
        own = layer.attention.self
        at = read_at(hidden, read)
        shape = (hidden.shape[0], -1, own.num_attention_heads, own.attention_head_size)
        query = own.query(at).view(shape).transpose(1, 2)
        key, value = (project(hidden).view(shape).transpose(1, 2) for project in (own.key, own.value))
        seen, _ = attention(own, query, key, value, mask[:, :, :1], scaling=own.scaling, ptune_prefix=prefix)
        attended = layer.attention.output(seen.reshape(at.shape), at)
        output: Tensor = layer.output(layer.intermediate(attended), attended)
        return output


def run_layer(layer: Callable[..., Any], *arguments: Any, recompute: bool, **named: Any) -> Any:
    """What a layer returns; of what it computes, the backward pass is left all, or the arguments to compute it anew."""
    if not (recompute and torch.is_grad_enabled()):
        return layer(*arguments, **named)
    return checkpoint(layer, *arguments, use_reentrant=False, preserve_rng_state=False, **named)  # it draws nothing


def read_at(hidden: Tensor, read: Tensor) -> Tensor:
    """The states [B, 1, H] at one position of each row."""
    return hidden[torch.arange(hidden.shape[0], device=hidden.device), read][:, None]
