"""Examples' hidden states below a layer, from a backbone's cache. The first call computes them and fills the cache.

They serve only learners that change nothing below that layer: no prompt in the input, no shifted positions, nothing
tuned.

Shapes: P tokens of all rows · B rows · Q positions · H hidden width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ptune.backbone.backbone import Backbone
from ptune.backbone.cache import gather
from ptune.backbone.transfer import to_device
from ptune.data.batches import eval_batches
from ptune.prompts.rows import Examples, stack

_FILL_TOKENS = 8_192  # padded tokens of one pass that fills the cache


@dataclass(frozen=True)
class CachedStates:
    """The hidden states before one layer, of all rows of a split.

    Attributes:
        examples: the split.
        states: [P, H] of all tokens, row after row, without padding.
        offsets: where each row begins in `states`, and where the last one ends.
    """

    examples: Examples
    states: Tensor
    offsets: np.ndarray

    def gather(self, indices: np.ndarray, width: int, device: torch.device) -> Tensor:
        """The states [B, Q, H] of the rows of these examples, with zeros behind each row up to `width`."""
        return to_device(gather(self.states, self.offsets, self.examples.row_numbers(indices), width), device)


def cached_states(backbone: Backbone, examples: Examples, layer: int) -> CachedStates | None:
    """The hidden states of a split before a layer; None where the backbone has no cache, or the cache has no room."""
    if backbone.cache is None or backbone.layers is None:
        return None
    width, dtype = backbone.layers.width, backbone.dtype
    fill = partial(_computed, backbone, examples, layer)
    packed = backbone.cache.states(_key(backbone, layer), examples.inputs, width, dtype, fill)
    return None if packed is None else CachedStates(examples, *packed)


def _computed(backbone: Backbone, examples: Examples, layer: int) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Row numbers and their states [B, Q, H] before a layer, pass by pass, from the highest cached layer."""
    start, below = _highest_below(backbone, examples, layer)
    for numbers in eval_batches(examples.inputs.lengths, _FILL_TOKENS):
        stacked = stack(examples.rows.pick(numbers), backbone.device)
        zeros = torch.zeros(len(numbers), dtype=torch.long, device=backbone.device)
        with torch.no_grad():
            if below is None:
                hidden_BQH = backbone.begin(backbone.embed(stacked.ids), stacked.types, zeros)
            else:
                hidden_BQH = to_device(gather(*below, numbers, stacked.ids.shape[1]), backbone.device)
            states_BQH = backbone.run({start: hidden_BQH}, stacked.visible, zeros, stop=layer)
        yield numbers, states_BQH


def _highest_below(backbone: Backbone, examples: Examples, layer: int) -> tuple[int, tuple[Tensor, np.ndarray] | None]:
    """The highest layer below `layer` whose states are cached, and those states; 0 and None when there is none."""
    assert backbone.cache is not None, "only a backbone with a cache fills one"
    assert backbone.layers is not None, "a cache is filled where rows can join"
    width, dtype = backbone.layers.width, backbone.dtype
    for lower in range(layer - 1, 0, -1):
        packed = backbone.cache.lookup(_key(backbone, lower), examples.inputs, width, dtype)
        if packed is not None:
            return lower, packed
    return 0, None


def _key(backbone: Backbone, layer: int) -> list[str]:
    return [backbone.forward_hash, str(layer)]
