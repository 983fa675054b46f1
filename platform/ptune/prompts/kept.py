"""Examples' hidden states below a layer, from a backbone's cache; computed and kept when first asked for.

Only for learners without a say below that layer: no prompt in the input, no shifted positions, nothing tuned.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ptune.backbone.cache import gather
from ptune.backbone.load import Backbone
from ptune.data.batches import eval_batches
from ptune.prompts.rows import Examples, stack

_TOKENS = 8_192  # of one pass that fills the cache


def has_states(backbone: Backbone, examples: Examples, layer: int) -> bool:
    """Whether the states before a layer are kept for a split, computing them if there is room."""
    return _states(backbone, examples, layer) is not None


def kept_states(backbone: Backbone, examples: Examples, indices: np.ndarray, layer: int, width: int) -> Tensor:
    """The hidden states [B, Q, H] before a layer of the rows of some examples, zeros behind each up to `width`."""
    found = _states(backbone, examples, layer)
    assert found is not None, "asked for only when they are kept"
    numbers = np.concatenate([examples.first_rows[index] + np.arange(examples.counts[index]) for index in indices])
    return gather(*found, numbers, width).to(backbone.device)


def _states(backbone: Backbone, examples: Examples, layer: int) -> tuple[Tensor, np.ndarray] | None:
    if backbone.cache is None:
        return None
    rows = [row for own in examples.rows for row in own]

    def compute(numbers: np.ndarray) -> Tensor:
        assert backbone.layers is not None, "asked for a staged family only"
        stacked = stack([rows[number] for number in numbers], backbone.device)
        with torch.no_grad():
            zeros = torch.zeros(len(numbers), dtype=torch.long, device=backbone.device)
            first = backbone.begin(backbone.embed(stacked.ids), stacked.types, zeros)
            return backbone.layers.run({0: first}, stacked.visible, None, stop=layer)

    return backbone.cache.states(
        [backbone.hash, str(backbone.dtype), str(layer)],
        examples.inputs,
        backbone.shape.hidden,
        backbone.dtype,
        lambda: eval_batches(examples.inputs.lengths, _TOKENS),
        compute,
    )
