"""Floating-point operations that a training pass cannot do without, counted from real tokens alone.

Padding, copies to rows and anything computed twice are not useful work. Frozen weights need no gradient, so a layer
costs as much backward as forward, not twice that. Only matrix products count, an addition and a multiplication as two;
heads, of a few columns, are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ptune.backbone.backbone import Backbone


@dataclass(frozen=True)
class Sizes:
    """What the products of BERT-like and Llama-like backbones depend on.

    Attributes:
        layers: how many there are.
        hidden: width of hidden states.
        inner: width inside the feed-forward.
        pooled: whether heads read through a pooler.
        keys: width of keys and of values, where heads share them; None is as wide as hidden states.
        gated: whether the feed-forward has a third matrix, its gate.
    """

    layers: int
    hidden: int
    inner: int
    pooled: bool = False
    keys: int | None = None
    gated: bool = False

    @classmethod
    def of(cls, backbone: Backbone) -> Sizes:
        config = backbone.model.config
        pooled = backbone.pooler is not None
        keys = backbone.shape.kv_heads * backbone.shape.head_width
        gated = any(name.endswith("gate_proj") for name, _ in backbone.model.named_modules())
        return cls(config.num_hidden_layers, config.hidden_size, config.intermediate_size, pooled, keys, gated)

    @property
    def projection(self) -> int:
        """Query or attention's output for one token."""
        return 2 * self.hidden**2

    @property
    def keys_values(self) -> int:
        """Key and value for one token."""
        return 2 * 2 * self.hidden * (self.hidden if self.keys is None else self.keys)

    @property
    def behind(self) -> int:
        """Attention's output projection and the feed-forward for one token."""
        return self.projection + 2 * (3 if self.gated else 2) * self.hidden * self.inner


def training_flops(sizes: Sizes, lengths: Sequence[int], prefix: int, first: int = 0, *, kept: bool = False) -> int:
    """One training pass over rows of these lengths, each read at one position.

    Args:
        sizes: the backbone's.
        lengths: tokens of each row.
        prefix: positions of the prompt in layer `first` and every layer above.
        first: the first layer with a prompt.
        kept: whether the hidden states before that layer are given.
    """
    forward = sum(
        forward_flops(sizes, length, prefix if layer >= first else 0, last=layer == sizes.layers - 1)
        for layer in range(first if kept else 0, sizes.layers)
        for length in lengths
    )
    backward = sum(
        backward_flops(sizes, length, prefix, first=layer == first, last=layer == sizes.layers - 1)
        for layer in range(first, sizes.layers)
        for length in lengths
    )
    return forward + backward + (2 * sizes.projection * len(lengths) if sizes.pooled else 0)


def forward_flops(sizes: Sizes, length: int, prefix: int, *, last: bool) -> int:
    """One layer's products for one row; the last layer has a single query, as one position is read."""
    queries = 1 if last else length
    keys_values = sizes.keys_values * length
    attention = 4 * queries * (prefix + length) * sizes.hidden
    return keys_values + queries * (sizes.projection + sizes.behind) + attention


def backward_flops(sizes: Sizes, length: int, prefix: int, *, first: bool, last: bool) -> int:
    """One layer's gradients for one row: of input and prefix or, in the first prompted layer, of the prefix alone.

    Attention's two products have four gradients: weights and values, queries and keys. Where the input needs none, the
    weights' are still taken in full, but of values and keys only the prefix's, and none of queries.
    """
    queries = 1 if last else length
    product = 2 * queries * (prefix + length) * sizes.hidden
    to_prefix = 2 * 2 * queries * prefix * sizes.hidden
    if first:
        return queries * sizes.behind + product + to_prefix
    return queries * (sizes.projection + sizes.behind) + sizes.keys_values * length + 4 * product
