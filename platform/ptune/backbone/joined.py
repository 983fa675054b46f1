"""A transformers model whose rows join before any layer, while the model's own forward pass runs.

The model makes masks, rotary embeddings and whatever else its layers are given, for all rows; each layer takes from
that what belongs to the rows which are there. The pass travels as the argument that otherwise is a prefix, so there is
no global state, and the layers of a copied model run as ordinary ones. Knows no prompt and no cache.

Shapes: B rows · Q positions · S tokens without padding · E embedding width · H hidden width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from ptune.backbone.inject import Prefix
from ptune.backbone.layers import LayerInputs, Layers
from ptune.backbone.staged import join, read_at, run_layer
from ptune.backbone.unpadding import Unpadding

Layer = Callable[..., Tensor]


class JoinedLayers(Layers):
    """The layers of one model, as `ptune.backbone.staged.StagedLayers` has BERT's.

    Args:
        model: a transformers model; its layers are changed in place, their weights and names stay.
        path: where the model holds its layers, each of which is given hidden states first and returns them alone.
        types: whether the model embeds token types.
        cached: whether the model would keep keys and values unless told otherwise.
    """

    def __init__(self, model: nn.Module, path: str, *, types: bool, cached: bool) -> None:
        self._model: Any = model
        self._types = types
        self._settings = {"use_cache": False} if cached else {}
        config: Any = model.config
        self.width = config.hidden_size
        layers: Any = model.get_submodule(path)
        self._count = len(layers)
        for layer in layers:
            layer.__class__ = _joining(type(layer))

    def __len__(self) -> int:
        return self._count

    def embed(self, embeds: Tensor, positions: Tensor, types: Tensor) -> Tensor:
        """What the first layer is given, [B, Q, H], for input embeddings, position ids and token types."""
        # A pass that ends before layer 0 and that no rows join: the model embeds, and its layers hand that on.
        begun = _Pass({}, None, 0, self._count, recompute=False)
        token_types = {"token_type_ids": types} if self._types else {}
        self._model(inputs_embeds=embeds, position_ids=positions, ptune_prefix=begun, **token_types, **self._settings)
        assert begun.first_input is not None, "a model has layers"
        return begun.first_input.to(embeds.device)

    def run(self, inputs: LayerInputs) -> Tensor:
        """Run the layers, and what the model does behind the last; see `Layers.run`.

        States that join behind the last layer, and those that `stop` asks for there, are not normalised yet.
        """
        end = self._count if inputs.stop is None else inputs.stop
        joined = _Pass(inputs.joining, inputs.prefix, end, self._count, inputs.recompute, inputs.unpadding)
        width = self._model.get_input_embeddings().embedding_dim
        # The model needs embeddings of all rows to make masks and rotary embeddings from; their values reach no layer,
        # because every row joins with states of its own.
        blank_BQE = next(iter(inputs.joining.values())).new_zeros(*inputs.visible.shape, width)
        output = self._model(
            inputs_embeds=blank_BQE,
            attention_mask=inputs.visible,
            position_ids=inputs.positions,
            ptune_prefix=joined,
            **self._settings,
        )
        hidden_BQH: Tensor | None = output.last_hidden_state if inputs.stop is None else joined.rows
        assert hidden_BQH is not None, "some rows join"
        hidden_BQH = hidden_BQH.to(inputs.visible.device)
        return hidden_BQH if inputs.read is None else read_at(hidden_BQH, inputs.read)


@dataclass
class _Pass:
    """One pass on its way through the layers, in their order. Serves a single pass.

    Attributes:
        joining: [B_l, Q, H] hidden states of the rows that join before layer l.
        prefix: keys and values of all rows, by layer.
        end: number of the layer before which to end.
        count: number of layers.
        recompute: whether the backward pass runs each layer again.
        unpadding: that of all rows, where layers compute on tokens without padding.
        first_input: [B, Q, H] what the model gives its first layer.
        hidden: [B_l, Q, H] states of the rows that have joined so far, or with `unpadding` their tokens [1, S, H]; None
            before any has.
        there: how many rows have joined.
        joined: the part of `unpadding` that is theirs.
    """

    joining: Mapping[int, Tensor]
    prefix: Prefix | None
    end: int
    count: int
    recompute: bool
    unpadding: Unpadding | None = None
    first_input: Tensor | None = field(default=None, init=False)
    hidden: Tensor | None = field(default=None, init=False)
    there: int = field(default=0, init=False)
    joined: Unpadding | None = field(default=None, init=False)
    _number: int = field(default=0, init=False)

    @property
    def rows(self) -> Tensor | None:
        """The states [B_l, Q, H] of the rows that have joined; None before any has."""
        return self.hidden if self.hidden is None or self.joined is None else self.joined.pad(self.hidden)

    def through(self, layer: Layer, states: Tensor, arguments: tuple[Any, ...], named: dict[str, Any]) -> Tensor:
        """Run one layer; return what it hands to the next, the states [B_l, Q, H] of the rows that have joined.

        Until rows have joined, `states` are handed on as they are; between layers that compute on tokens, too.
        """
        number = self._number
        self._number += 1
        if number == 0:
            self.first_input = states
            self._join(0)
        if self.hidden is not None and number < self.end:
            hidden = self.hidden.to(states.device)  # where the layer's inputs have been taken, which are not these
            self.hidden = self._run(layer, number, hidden, arguments, named)
        self._join(number + 1)
        rows = self.rows if self.unpadding is None or number + 1 == self.count else None
        return states if rows is None else rows

    def _run(
        self, layer: Layer, number: int, hidden: Tensor, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> Tensor:
        """One layer on the rows that have joined; it sees its own prefix only."""
        assert self.first_input is not None, "the first layer ran"
        arguments, named = _of_rows((arguments, named), self.there, self.first_input.shape[0])
        if self.joined is not None:
            arguments, named = _of_tokens((arguments, named), self.joined)
            named["ptune_unpadding"] = self.joined
        # A layer that is recomputed calls attention twice, so it takes its prefix by number, not by counting calls.
        layer_prefix = self.prefix.layers[number] if self.prefix is not None else None
        output: Tensor = run_layer(
            layer, hidden, *arguments, ptune_prefix=layer_prefix, recompute=self.recompute, **named
        )
        return output

    def _join(self, number: int) -> None:
        """Let the rows in that join before a layer."""
        if number in self.joining:
            states = self.joining[number]
            self.there += states.shape[0]
            self.joined = None if self.unpadding is None else self.unpadding.first(self.there)
            self.hidden = join(self.hidden, states, self.joined)


def _of_rows(value: Any, joined: int, total: int) -> Any:
    """The part of a layer's arguments that belongs to the first `joined` of all rows.

    Families name their arguments differently, so what belongs to rows is told by its size: a tensor whose first
    dimension is the number of all rows. Others, such as rotary embeddings that rows share, are handed on whole.
    """
    if isinstance(value, Tensor):
        return value[:joined] if value.dim() > 0 and value.shape[0] == total else value
    if isinstance(value, tuple):
        return tuple(_of_rows(item, joined, total) for item in value)
    if isinstance(value, dict):
        return {name: _of_rows(item, joined, total) for name, item in value.items()}
    return value


def _of_tokens(value: Any, unpadding: Unpadding) -> Any:
    """A layer's arguments, where what has a value at each position of each row has one for each token instead."""
    if isinstance(value, Tensor):
        return unpadding.unpad(value) if tuple(value.shape[:2]) == (len(unpadding.lengths), unpadding.width) else value
    if isinstance(value, tuple):
        return tuple(_of_tokens(item, unpadding) for item in value)
    if isinstance(value, dict):
        return {name: _of_tokens(item, unpadding) for name, item in value.items()}
    return value


class _Joining(nn.Module):
    """A layer that leaves to a pass which rows it runs on."""

    def forward(self, hidden_states: Tensor, *arguments: Any, ptune_prefix: Any = None, **named: Any) -> Tensor:
        if isinstance(ptune_prefix, _Pass):
            return ptune_prefix.through(super().forward, hidden_states, arguments, named)
        states: Tensor = super().forward(hidden_states, *arguments, ptune_prefix=ptune_prefix, **named)
        return states


def _joining(layer_class: type[nn.Module]) -> type[nn.Module]:
    """A subclass of a layer's class that lets rows join before it."""
    return type(f"Joining{layer_class.__name__}", (_Joining, layer_class), {})
