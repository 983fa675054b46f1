"""Examples' hidden states below a layer, from a backbone's cache; computed and kept when first asked for.

Only for learners without a say below that layer: no prompt in the input, no shifted positions, nothing tuned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ptune.backbone.cache import gather
from ptune.backbone.load import Backbone
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
        first, counts = self.examples.first_rows, self.examples.counts
        numbers = np.concatenate([first[index] + np.arange(counts[index]) for index in indices])
        return gather(self.states, self.offsets, numbers, width).to(device)


def kept_states(backbone: Backbone, examples: Examples, layer: int) -> KeptStates | None:
    """The hidden states before a layer of a split; None where the backbone has no cache, or the cache no room."""
    if backbone.cache is None or backbone.layers is None:
        return None

    def compute(numbers: np.ndarray) -> Tensor:
        rows = examples.all_rows
        stacked = stack([rows[number] for number in numbers], backbone.device)
        with torch.no_grad():
            zeros = torch.zeros(len(numbers), dtype=torch.long, device=backbone.device)
            first = backbone.begin(backbone.embed(stacked.ids), stacked.types, zeros)
            return backbone.run({0: first}, stacked.visible, zeros, stop=layer)

    found = backbone.cache.states(
        [backbone.computes, str(layer)],
        examples.inputs,
        backbone.layers.width,
        backbone.dtype,
        lambda: eval_batches(examples.inputs.lengths, _TOKENS),
        compute,
    )
    return None if found is None else KeptStates(examples, *found)
