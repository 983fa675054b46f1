"""A BERT-like encoder, layer by layer: rows join where their own work begins, and leave all but what is read.

Below its first prompt a row's hidden states depend on its tokens alone, so they can be given instead of computed; in
the last layer only the positions that a head reads need queries, projections and feed-forward. Knows no prompt and no
cache.

Shapes: B rows · Q positions · S tokens without padding · H hidden width · N heads · D head width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ptune.backbone.inject import LayerPrefix, attention
from ptune.backbone.layers import LayerInputs, Layers
from ptune.backbone.token_attention import TokenAttention
from ptune.backbone.unpadding import Unpadding


class StagedLayers(Layers):
    """The layers of one model, run one after another.

    Args:
        model: a transformers model with BERT's layers: attention (query, key, value, output), intermediate, output.
    """

    def __init__(self, model: nn.Module) -> None:
        self._embeddings: Any = model.embeddings
        self._projection: Any = getattr(model, "embeddings_project", None)
        self._layers: Any = model.encoder.layer  # type: ignore[union-attr]
        config: Any = model.config
        self.width = config.hidden_size

    def __len__(self) -> int:
        return len(self._layers)

    def embed(self, embeds: Tensor, positions: Tensor, types: Tensor) -> Tensor:
        """What the first layer is given, [B, Q, H], for input embeddings, position ids and token types."""
        hidden: Tensor = self._embeddings(inputs_embeds=embeds, position_ids=positions, token_type_ids=types)
        return hidden if self._projection is None else self._projection(hidden)

    def run(self, inputs: LayerInputs) -> Tensor:
        """Run the layers; see `Layers.run`. Positions are in BERT's embeddings already."""
        joining, visible, read, recompute = inputs.joining, inputs.visible, inputs.read, inputs.recompute
        end, width = len(self) if inputs.stop is None else inputs.stop, visible.shape[1]
        unpadding: Unpadding | None = None
        there, hidden = 0, None  # how many rows have joined, and their states: [B, Q, H], or tokens [1, S, H]
        for number in range(min(joining), end):
            if number in joining:
                # Rows that join stand behind those that are there, in the order of `visible`, `positions` and `prefix`.
                there += joining[number].shape[0]
                unpadding = None if inputs.unpadding is None else inputs.unpadding.first(there)
                hidden = join(hidden, joining[number], unpadding)
            assert hidden is not None, "the loop begins where rows join"
            mask_B1QQ = visible[:there, None, None, :].expand(-1, 1, width, -1)
            layer = self._layers[number]
            layer_prefix = inputs.prefix.layers[number] if inputs.prefix is not None else None
            known = {"ptune_prefix": layer_prefix, "ptune_unpadding": unpadding}
            if read is not None and number == end - 1:
                hidden = run_layer(self._run_at, layer, hidden, mask_B1QQ, read[:there], recompute=recompute, **known)
            else:
                output = run_layer(layer, hidden, mask_B1QQ, recompute=recompute, **known)
                hidden = output if isinstance(output, Tensor) else output[0]
        if hidden is not None and unpadding is not None and read is None:
            hidden = unpadding.pad(hidden)
        if end not in joining:
            assert hidden is not None, "some rows join"
            return hidden.to(visible.device)
        # Rows that join behind the last layer run through none: their states are only read.
        last = joining[end]
        read_states = last if read is None else read_at(last, read[-last.shape[0] :])
        return read_states if hidden is None else torch.cat([hidden.to(read_states.device), read_states])

    @staticmethod
    def _run_at(
        layer: Any,
        hidden: Tensor,
        mask: Tensor,
        read_B: Tensor,
        ptune_prefix: LayerPrefix | None,
        ptune_unpadding: Unpadding | None,
    ) -> Tensor:
        """One layer where each row is read at one position: [B, 1, H].

        Keys and values are those of all positions; queries, projection and feed-forward are computed for the position
        that is read alone.
        """
        module = layer.attention.self
        device = module.query.weight.device  # a part of a layer is asked for, so its inputs travel here
        hidden, mask, read_B = hidden.to(device), mask.to(device), read_B.to(device)
        read_B1H = read_at(hidden, read_B) if ptune_unpadding is None else ptune_unpadding.at(hidden, read_B)
        states = [module.query(read_B1H), module.key(hidden), module.value(hidden)]
        if isinstance(ptune_unpadding, TokenAttention):
            states[0] = states[0].transpose(0, 1)  # the tokens that ask, [1, B, H]
        elif ptune_unpadding is not None:
            states[1:] = [ptune_unpadding.pad(tokens) for tokens in states[1:]]
            ptune_unpadding = None  # what attends is given rows
        sizes = (module.num_attention_heads, module.attention_head_size)
        query, key, value = (part.unflatten(-1, sizes).transpose(1, 2) for part in states)
        mask_B11Q = mask[:, :, :1]  # BERT's mask is the same for every query
        context, _ = attention(
            module,
            query,
            key,
            value,
            mask_B11Q,
            scaling=module.scaling,
            ptune_prefix=ptune_prefix,
            ptune_unpadding=ptune_unpadding,
        )
        attended_B1H = layer.attention.output(context.reshape(read_B1H.shape), read_B1H)
        output: Tensor = layer.output(layer.intermediate(attended_B1H), attended_B1H)
        return output


def join(hidden: Tensor | None, states: Tensor, unpadding: Unpadding | None) -> Tensor:
    """The states of all rows that are there once rows join with states [B_l, Q, H].

    Args:
        hidden: of the rows that were there before; None of none.
        states: of those that join.
        unpadding: that of all rows that are there now, where what is returned, and `hidden`, are tokens [1, S, H].
    """
    if unpadding is not None:
        states = unpadding.last(states.shape[0]).unpad(states)
    if hidden is None:
        return states
    return torch.cat([hidden.to(states.device), states], dim=0 if unpadding is None else 1)


def run_layer(layer: Callable[..., Any], *arguments: Any, recompute: bool, **named: Any) -> Any:
    """Run a layer. With `recompute` the backward pass keeps its arguments only, and runs it again."""
    if not (recompute and torch.is_grad_enabled()):
        return layer(*arguments, **named)
    # The random state need not be kept: a pass with the backbone's dropout runs as a whole and does not come here.
    return checkpoint(layer, *arguments, use_reentrant=False, preserve_rng_state=False, **named)


def read_at(hidden: Tensor, read: Tensor) -> Tensor:
    """The states [B, 1, H] at one position of each row."""
    return hidden[torch.arange(hidden.shape[0], device=hidden.device), read][:, None]
