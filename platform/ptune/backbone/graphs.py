"""Layers whose passes are replayed as CUDA graphs: a pass is launched once, however many kernels it has.

A graph is bound to the shapes that it was captured with, so rows, positions and prompts are padded up to a few sizes.
Only passes that are trained on are replayed: all rows join before one layer, and nothing is recomputed. Of a pass,
nothing is left when the next one begins, so all graphs work in the same memory, which is as large as the largest takes.

Shapes: B rows · Q positions · T prompt positions · H hidden width.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ptune.backbone.backbone import Backbone
from ptune.backbone.inject import LayerPrefix, Prefix
from ptune.backbone.layers import LayerInputs, Layers
from ptune.errors import BackboneError

_STEP = 8
"""More rows than it are padded up to multiples of it, and so are positions and prompts, however few."""
_KEPT = 16
"""Graphs that are kept."""

Pass = Callable[..., Tensor]
Capture = Callable[[Pass, tuple[Tensor, ...]], Pass]
"""From a function of tensors and its first arguments to a function that does the same for others of their shapes."""


def replay_layers(backbone: Backbone, capture: Capture | None = None) -> Backbone:
    """Let passes through the layers be captured when a shape first comes, and replayed from then on.

    Args:
        backbone: a frozen backbone with layers, all on one device.
        capture: how a pass is captured; None is by CUDA.

    Raises:
        BackboneError: it runs as a whole.
    """
    if backbone.layers is None:
        raise BackboneError(f"{backbone.id}: it runs as a whole, so its passes cannot be replayed as CUDA graphs")
    return replace(backbone, layers=ReplayedLayers(backbone.layers, capture or cuda_capture()))


class ReplayedLayers(Layers):
    """The layers of a model, whose passes are replayed.

    Args:
        layers: what is captured.
        capture: how.
    """

    def __init__(self, layers: Layers, capture: Capture) -> None:
        self._layers = layers
        self._capture = capture
        self._graphs: OrderedDict[_Form, Pass] = OrderedDict()
        self.width = layers.width

    def __len__(self) -> int:
        return len(self._layers)

    def embed(self, embeds: Tensor, positions: Tensor, types: Tensor) -> Tensor:
        """What the first layer is given; see `Layers.embed`."""
        return self._layers.embed(embeds, positions, types)

    def run(self, inputs: LayerInputs) -> Tensor:
        """Run the layers; see `Layers.run`."""
        if not self._is_replayed(inputs):
            return self._layers.run(inputs)
        form = _Form.of(inputs)
        tensors = form.tensors(inputs)
        hidden = self._graph(form, tensors)(*tensors)
        rows, positions = inputs.visible.shape
        return hidden[:rows, :positions]

    def let_go(self) -> None:
        """Give all graphs back."""
        self._graphs.clear()
        self._layers.let_go()

    def _is_replayed(self, inputs: LayerInputs) -> bool:
        """Whether a pass is one that can be replayed: a backward pass follows, and all rows join before one layer."""
        others = len(inputs.joining) > 1 or len(self) in inputs.joining or inputs.stop is not None
        return not (others or inputs.recompute or inputs.unpadding is not None) and _is_trained(inputs)

    def _graph(self, form: _Form, tensors: tuple[Tensor, ...]) -> Pass:
        """The graph of a form, captured where it is new; the one that has not been asked for longest makes room."""
        if form not in self._graphs:
            if len(self._graphs) == _KEPT:
                self._graphs.popitem(last=False)
            self._graphs[form] = self._capture(form.passing(self._layers), tensors)
        self._graphs.move_to_end(form)
        return self._graphs[form]


@dataclass(frozen=True)
class _Form:
    """What two passes have in common that one graph can do.

    Attributes:
        layer: before which all rows join.
        rows: B, padded.
        positions: Q, padded.
        length: T, padded.
        prefixed: by layer, whether its prefix is trained; None where it has none. Empty where no layer has any.
        is_read: whether each row is read at one position.
        is_trained: whether gradients reach the states that join.
    """

    layer: int
    rows: int
    positions: int
    length: int
    prefixed: tuple[bool | None, ...]
    is_read: bool
    is_trained: bool

    @classmethod
    def of(cls, inputs: LayerInputs) -> _Form:
        ((layer, states),) = inputs.joining.items()
        (rows, positions), prefix = inputs.visible.shape, inputs.prefix
        length = max((seen.key.shape[2] for seen in _parts(prefix)), default=0)
        prefixed = () if prefix is None else tuple(map(_trains, prefix.layers))
        is_read, is_trained = inputs.read is not None, states.requires_grad
        padded = rows if rows < _STEP else _up(rows)  # a few long rows would come to several times their tokens
        return cls(layer, padded, _up(positions), _up(length), prefixed, is_read, is_trained)

    def tensors(self, inputs: LayerInputs) -> tuple[Tensor, ...]:
        """The tensors of a pass, padded; rows that are added see their first position alone, which nobody reads."""
        rows, positions = inputs.visible.shape
        more, wider = self.rows - rows, self.positions - positions
        padded = functional.pad(inputs.visible, (0, wider, 0, more))
        padded[rows:, 0] = True
        tensors = [functional.pad(inputs.joining[self.layer], (0, 0, 0, wider, 0, more)), padded]
        tensors.append(functional.pad(inputs.positions, (0, wider, 0, more)))
        if inputs.read is not None:
            tensors.append(functional.pad(inputs.read, (0, more)))
        for seen in _parts(inputs.prefix):
            longer = self.length - seen.key.shape[2]
            tensors += [functional.pad(part, (0, 0, 0, longer, 0, 0, 0, more)) for part in (seen.key, seen.value)]
            tensors.append(functional.pad(seen.visible, (0, longer, 0, more)))
        return tuple(tensors)

    def passing(self, layers: Layers) -> Pass:
        """The pass as a function of its tensors."""

        def run(states: Tensor, visible: Tensor, positions: Tensor, *tensors: Tensor) -> Tensor:
            read, parts = (tensors[0], tensors[1:]) if self.is_read else (None, tensors)
            return layers.run(LayerInputs({self.layer: states}, visible, positions, self._prefix(parts), read))

        return run

    def _prefix(self, parts: Sequence[Tensor]) -> Prefix | None:
        if not self.prefixed:
            return None
        threes = iter(zip(parts[::3], parts[1::3], parts[2::3], strict=True))
        return Prefix([None if trained is None else LayerPrefix(*next(threes)) for trained in self.prefixed])


def _up(size: int) -> int:
    """A size as graphs have it."""
    return -(-size // _STEP) * _STEP


def _parts(prefix: Prefix | None) -> list[LayerPrefix]:
    """What layers see before the text, of those that see any."""
    return [] if prefix is None else [seen for seen in prefix.layers if seen is not None]


def _trains(seen: LayerPrefix | None) -> bool | None:
    """Whether a layer's prefix is trained; None where it has none."""
    return None if seen is None else seen.key.requires_grad


def _is_trained(inputs: LayerInputs) -> bool:
    """Whether a backward pass follows."""
    prompted = [part for seen in _parts(inputs.prefix) for part in (seen.key, seen.value)]
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (*inputs.joining.values(), *prompted))


def cuda_capture() -> Capture:
    """How passes become CUDA graphs, forward and backward, that share their memory."""
    pool = torch.cuda.graph_pool_handle()

    def capture(run: Pass, inputs: tuple[Tensor, ...]) -> Pass:
        # What a graph is captured with becomes its own memory, which later passes are copied into.
        first = tuple(tensor.detach().clone().requires_grad_(tensor.requires_grad) for tensor in inputs)
        graphed: Any = torch.cuda.make_graphed_callables(run, first, allow_unused_input=True, pool=pool)
        replayed: Pass = graphed
        return replayed

    return capture
