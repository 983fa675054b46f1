"""Encoded examples stacked into tensors. Knows padding, not prompts.

Shapes: B rows · Q positions (the longest row's).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ptune.data.templates import Example


@dataclass(frozen=True)
class Examples:
    """One split, encoded under one template.

    Attributes:
        items: token ids and token types of each example; the id -(j + 1) stands for prompt token j.
        labels: class index of each example.
        reads: the position a head reads in each example.
    """

    items: Sequence[Example]
    labels: np.ndarray
    reads: np.ndarray

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each example, prompt tokens of v1 included."""
        return np.array([len(item.ids) for item in self.items])


@dataclass(frozen=True)
class Rows:
    """A batch of examples, padded on the right to the longest."""

    ids: Tensor
    """[B, Q] token ids; negative where a prompt token goes."""
    types: Tensor
    """[B, Q] token type ids."""
    visible: Tensor
    """[B, Q] False on padding."""
    read: Tensor
    """[B] position a head reads."""
    labels: Tensor
    """[B] class index."""


def stack(batches: Sequence[tuple[Examples, np.ndarray]], device: torch.device) -> Rows:
    """Stack the chosen examples of several splits, in order, into one batch."""
    chosen = [examples.items[index] for examples, indices in batches for index in indices]
    width = max(len(item.ids) for item in chosen)
    ids = torch.zeros((len(chosen), width), dtype=torch.long)
    types = torch.zeros((len(chosen), width), dtype=torch.long)
    visible = torch.zeros((len(chosen), width), dtype=torch.bool)
    for row, item in enumerate(chosen):
        length = len(item.ids)
        ids[row, :length] = torch.as_tensor(item.ids)
        types[row, :length] = torch.as_tensor(item.types)
        visible[row, :length] = True
    read = np.concatenate([examples.reads[indices] for examples, indices in batches])
    labels = np.concatenate([examples.labels[indices] for examples, indices in batches])
    tensors = (ids, types, visible, torch.as_tensor(read), torch.as_tensor(labels))
    return Rows(*(tensor.to(device) for tensor in tensors))
