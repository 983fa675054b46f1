"""A transformers model whose rows join before any layer, while the model's own forward pass runs.

The model makes masks, rotary embeddings and whatever else its layers are given, for all rows; each layer takes from
that what belongs to the rows which are there. The pass travels as the argument that otherwise is a prefix, so there is
no global state, and the layers of a copied model run as ordinary ones. Knows no prompt and no cache.

Shapes: B rows · Q positions · E embedding width · H hidden width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ptune.backbone.inject import Prefix
from ptune.backbone.staged import read_at, run_layer

Layer = Callable[..., Tensor]


class JoinedLayers:
    """The layers of one model, as `ptune.backbone.staged.Layers` has BERT's.

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
        self.width: int = model.config.hidden_size  # type: ignore[union-attr, assignment]
        """H."""
        layers: Any = model.get_submodule(path)
        self._count = len(layers)
        for layer in layers:
            layer.__class__ = _joining(type(layer))

    def __len__(self) -> int:
        return self._count

    def embed(self, embeds: Tensor, positions: Tensor, types: Tensor) -> Tensor:
        """What the first layer is given, [B, Q, H], for input embeddings, position ids and token types."""
        begun = _Pass({}, None, 0, recompute=False)
        known = {"token_type_ids": types} if self._types else {}
        self._model(inputs_embeds=embeds, position_ids=positions, ptune_prefix=begun, **known, **self._settings)
        assert begun.given is not None, "a model has layers"
        return begun.given

    def run(
        self,
        joining: Mapping[int, Tensor],
        visible: Tensor,
        positions: Tensor,
        prefix: Prefix | None,
        read: Tensor | None = None,
        stop: int | None = None,
        *,
        recompute: bool = False,
    ) -> Tensor:
        """Run the layers, and what the model does behind the last; see `ptune.backbone.staged.Layers.run`.

        States that join behind the last layer, and those that `stop` asks for there, are not normalised yet.
        """
        joined = _Pass(joining, prefix, self._count if stop is None else stop, recompute)
        width = self._model.get_input_embeddings().embedding_dim
        blank = next(iter(joining.values())).new_zeros(*visible.shape, width)  # its states are those that join
        output = self._model(
            inputs_embeds=blank,
            attention_mask=visible,
            position_ids=positions,
            ptune_prefix=joined,
            **self._settings,
        )
        hidden: Tensor | None = output.last_hidden_state if stop is None else joined.hidden
        assert hidden is not None, "some rows join"
        return hidden if read is None else read_at(hidden, read)


@dataclass
class _Pass:
    """One pass on its way through the layers, in their order. Serves a single pass.

    Attributes:
        joining: hidden states of the rows that join before layer l.
        prefix: keys and values of all rows, by layer.
        end: number of the layer before which to end.
        recompute: whether the backward pass runs each layer again.
        given: what the model gives its first layer.
        hidden: the states of the rows that are there; None before the first.
    """

    joining: Mapping[int, Tensor]
    prefix: Prefix | None
    end: int
    recompute: bool
    given: Tensor | None = field(default=None, init=False)
    hidden: Tensor | None = field(default=None, init=False)
    _number: int = field(default=0, init=False)

    def through(self, layer: Layer, given: Tensor, arguments: tuple[Any, ...], named: dict[str, Any]) -> Tensor:
        """What a layer hands to the next: the states of all rows that are there behind it."""
        number = self._number
        self._number += 1
        if number == 0:
            self.given = given
            self._join(0)
        if self.hidden is not None and number < self.end:
            self.hidden = self._run(layer, number, self.hidden, arguments, named)
        self._join(number + 1)
        return given if self.hidden is None else self.hidden

    def _run(
        self, layer: Layer, number: int, hidden: Tensor, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> Tensor:
        """One layer on the rows that are there; its prefix is the only one that it sees."""
        assert self.given is not None, "the first layer ran"
        there, total = hidden.shape[0], self.given.shape[0]
        arguments, named = _of_rows((arguments, named), there, total)
        own = self.prefix.layers[number] if self.prefix is not None else None
        output: Tensor = run_layer(layer, hidden, *arguments, ptune_prefix=own, recompute=self.recompute, **named)
        return output

    def _join(self, number: int) -> None:
        """Let the rows in that join before a layer."""
        if number in self.joining:
            late = self.joining[number]
            self.hidden = late if self.hidden is None else torch.cat([self.hidden, late])


def _of_rows(value: Any, there: int, total: int) -> Any:
    """The part of a layer's arguments that belongs to the first `there` of all rows."""
    if isinstance(value, Tensor):
        return value[:there] if value.dim() > 0 and value.shape[0] == total else value
    if isinstance(value, tuple):
        return tuple(_of_rows(item, there, total) for item in value)
    if isinstance(value, dict):
        return {name: _of_rows(item, there, total) for name, item in value.items()}
    return value


class _Joining(nn.Module):
    """A layer that leaves to a pass which rows it runs on."""

    def forward(self, hidden_states: Tensor, *arguments: Any, ptune_prefix: Any = None, **named: Any) -> Tensor:
        if isinstance(ptune_prefix, _Pass):
            return ptune_prefix.through(super().forward, hidden_states, arguments, named)
        whole: Tensor = super().forward(hidden_states, *arguments, ptune_prefix=ptune_prefix, **named)
        return whole


def _joining(kind: type[nn.Module]) -> type[nn.Module]:
    """The same kind of layer, that rows can join at."""
    return type(f"Joining{kind.__name__}", (_Joining, kind), {})
