"""A BERT-like encoder, layer by layer: rows join where their own work begins, and leave all but what is read.

Below its first prompt a row's hidden states depend on its tokens alone, so they can be given instead of computed; in
the last layer only the positions that a head reads need queries, projections and feed-forward. Knows no prompt and no
cache.

Shapes: B rows · Q positions · H hidden width · N heads · D head width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ptune.backbone.inject import LayerPrefix, Prefix, attention


class StagedLayers:
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
        hidden_BQH: Tensor | None = None
        for number in range(min(joining), end):
            if number in joining:
                # Rows that join stand behind those that are there, in the order of `visible`, `positions` and `prefix`.
                states = joining[number]
                hidden_BQH = states if hidden_BQH is None else torch.cat([hidden_BQH.to(states.device), states])
            assert hidden_BQH is not None, "the loop begins where rows join"
            rows, width = hidden_BQH.shape[:2]
            mask_B1QQ = visible[:rows, None, None, :].expand(-1, 1, width, -1)
            layer, layer_prefix = self._layers[number], prefix.layers[number] if prefix is not None else None
            if read is not None and number == end - 1:
                hidden_BQH = run_layer(
                    self._run_at, layer, hidden_BQH, mask_B1QQ, layer_prefix, read[:rows], recompute=recompute
                )
            else:
                output = run_layer(layer, hidden_BQH, mask_B1QQ, ptune_prefix=layer_prefix, recompute=recompute)
                hidden_BQH = output if isinstance(output, Tensor) else output[0]
        if end not in joining:
            assert hidden_BQH is not None, "some rows join"
            return hidden_BQH.to(visible.device)
        # Rows that join behind the last layer run through none: their states are only read.
        last = joining[end]
        read_states = last if read is None else read_at(last, read[-last.shape[0] :])
        return read_states if hidden_BQH is None else torch.cat([hidden_BQH.to(read_states.device), read_states])

    @staticmethod
    def _run_at(layer: Any, hidden_BQH: Tensor, mask: Tensor, prefix: LayerPrefix | None, read_B: Tensor) -> Tensor:
        """One layer where each row is read at one position: [B, 1, H].

        Keys and values are those of all positions; queries, projection and feed-forward are computed for the position
        that is read alone.
        """
        module = layer.attention.self
        device = module.query.weight.device  # a part of a layer is asked for, so its inputs travel here
        hidden_BQH, mask, read_B = hidden_BQH.to(device), mask.to(device), read_B.to(device)
        read_B1H = read_at(hidden_BQH, read_B)
        sizes = (hidden_BQH.shape[0], -1, module.num_attention_heads, module.attention_head_size)
        query_BN1D = module.query(read_B1H).view(sizes).transpose(1, 2)
        key_BNQD, value_BNQD = (
            project(hidden_BQH).view(sizes).transpose(1, 2) for project in (module.key, module.value)
        )
        mask_B11Q = mask[:, :, :1]  # BERT's mask is the same for every query
        context_B1ND, _ = attention(
            module, query_BN1D, key_BNQD, value_BNQD, mask_B11Q, scaling=module.scaling, ptune_prefix=prefix
        )
        attended_B1H = layer.attention.output(context_B1ND.reshape(read_B1H.shape), read_B1H)
        output: Tensor = layer.output(layer.intermediate(attended_B1H), attended_B1H)
        return output


def run_layer(layer: Callable[..., Any], *arguments: Any, recompute: bool, **named: Any) -> Any:
    """Run a layer. With `recompute` the backward pass keeps its arguments only, and runs it again."""
    if not (recompute and torch.is_grad_enabled()):
        return layer(*arguments, **named)
    # The random state need not be kept: a pass with the backbone's dropout runs as a whole and does not come here.
    return checkpoint(layer, *arguments, use_reentrant=False, preserve_rng_state=False, **named)


def read_at(hidden: Tensor, read: Tensor) -> Tensor:
    """The states [B, 1, H] at one position of each row."""
    return hidden[torch.arange(hidden.shape[0], device=hidden.device), read][:, None]
