"""Examples' hidden states below a layer, from a backbone's cache; computed and kept when first asked for.

Only for learners without a say below that layer: no prompt in the input, no shifted positions, nothing tuned.
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

_TOKENS = 8_192  # of one pass that fills the cache


@dataclass(frozen=True)
class KeptStates:
    """The hidden states before one layer, of all rows of a split."""

    examples: Examples
    states: Tensor
    offsets: np.ndarray

    def of(self, indices: np.ndarray, width: int, device: torch.device) -> Tensor:
        """The states [B, Q, H] of the rows of some examples, zeros behind each up to `width`."""
        return to_device(gather(self.states, self.offsets, self.examples.row_numbers(indices), width), device)


def kept_states(backbone: Backbone, examples: Examples, layer: int) -> KeptStates | None:
    """The hidden states before a layer of a split; None where the backbone has no cache, or the cache no room."""
    if backbone.cache is None or backbone.layers is None:
        return None
    width, dtype = backbone.layers.width, backbone.dtype
    fill = partial(_computed, backbone, examples, layer)
    found = backbone.cache.states(_key(backbone, layer), examples.inputs, width, dtype, fill)
    return None if found is None else KeptStates(examples, *found)


def _computed(backbone: Backbone, examples: Examples, layer: int) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Row numbers and their states before a layer, pass by pass, from the highest layer whose states are kept."""
    start, below = _highest_below(backbone, examples, layer)
    for numbers in eval_batches(examples.inputs.lengths, _TOKENS):
        stacked = stack(examples.rows.pick(numbers), backbone.device)
        zeros = torch.zeros(len(numbers), dtype=torch.long, device=backbone.device)
        with torch.no_grad():
            if below is None:
                first = backbone.begin(backbone.embed(stacked.ids), stacked.types, zeros)
            else:
                first = to_device(gather(*below, numbers, stacked.ids.shape[1]), backbone.device)
            states = backbone.run({start: first}, stacked.visible, zeros, stop=layer)
        yield numbers, states


def _highest_below(backbone: Backbone, examples: Examples, layer: int) -> tuple[int, tuple[Tensor, np.ndarray] | None]:
    """The highest layer below another whose states are kept, with them; 0 and None when there is none."""
    assert backbone.cache is not None, "asked by who fills it"
    assert backbone.layers is not None, "a cache is filled where rows can join"
    width, dtype = backbone.layers.width, backbone.dtype
    for lower in range(layer - 1, 0, -1):
        found = backbone.cache.found(_key(backbone, lower), examples.inputs, width, dtype)
        if found is not None:
            return lower, found
    return 0, None


def _key(backbone: Backbone, layer: int) -> list[str]:
    return [backbone.computes, str(layer)]
