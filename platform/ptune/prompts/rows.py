"""Encoded examples stacked into tensors. Knows padding, not prompts.

An *example* is what a task counts and samples. It is one row (one input of the backbone), or several: a multiple
choice has a row for each candidate. A head reads one position of a row, or several.

Shapes: B rows · Q positions (the longest row's) · R positions read in all rows · D decoder positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ptune.backbone.cache import Inputs
from ptune.data.sources import Split
from ptune.data.templates import Example
from ptune.files import value_hash


@dataclass(frozen=True)
class Row:
    """One input of the backbone.

    Attributes:
        ids: token ids; the id -(j + 1) stands for prompt token j.
        types: token types, as long as `ids`.
        reads: positions a head reads, ascending; in the decoder if there is one.
        decoder: token ids that an encoder-decoder's decoder is given; empty for other backbones.
    """

    ids: Sequence[int]
    types: Sequence[int]
    reads: Sequence[int]
    decoder: Sequence[int] = ()

    @classmethod
    def of(cls, example: Example, reads: Sequence[int], decoder: Sequence[int] = ()) -> Row:
        """An encoded input, read at some positions."""
        return cls(example.ids, example.types, reads, decoder)

    @property
    def length(self) -> int:
        """Tokens, prompt tokens of v1 and the decoder's included."""
        return len(self.ids) + len(self.decoder)


@dataclass(frozen=True)
class Examples:
    """One split, or several data sets' splits one after another, encoded under one prompt's templates.

    Attributes:
        rows: the rows of each example.
        labels: the answer of each example, as its task has it.
        parts: the data set of each example.
        about: what the task has to know of each example to make an answer of its scores; mostly nothing.
        splits: what was encoded, for each data set.
    """

    rows: Sequence[Sequence[Row]]
    labels: Sequence[Any]
    parts: np.ndarray
    about: Sequence[Any]
    splits: Sequence[Split]

    @classmethod
    def of(
        cls,
        split: Split,
        rows: Sequence[Sequence[Row]],
        labels: Sequence[Any] | None = None,
        about: Sequence[Any] | None = None,
    ) -> Examples:
        """Examples of one data set; labels are the split's unless stated."""
        known = [None] * len(rows) if about is None else about
        answers = split.labels if labels is None else labels
        return cls(rows, answers, np.zeros(len(rows), dtype=np.int64), known, [split])

    @classmethod
    def joined(cls, each: Sequence[Examples]) -> Examples:
        """Several data sets one after another; their numbers are their places."""
        if len(each) == 1:
            return each[0]
        rows = [rows for one in each for rows in one.rows]
        parts = np.concatenate([np.full(len(one), number, dtype=np.int64) for number, one in enumerate(each)])
        labels, about = ([item for one in each for item in getattr(one, name)] for name in ("labels", "about"))
        return cls(rows, labels, parts, about, [split for one in each for split in one.splits])

    def at(self, place: int) -> Examples:
        """The examples of one data set as those of data set number `place`, without the others."""
        return replace(self, parts=np.full(len(self), place, dtype=np.int64))

    def part(self, number: int) -> Examples:
        """The examples of one data set."""
        if len(self.splits) == 1:
            return self
        members = np.flatnonzero(self.parts == number).tolist()
        rows, labels, about = ([values[index] for index in members] for values in (self.rows, self.labels, self.about))
        return Examples(rows, labels, np.zeros(len(members), dtype=np.int64), about, [self.splits[number]])

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.rows)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each example's longest row."""
        return np.array([max(row.length for row in rows) for rows in self.rows], dtype=np.int64)

    @cached_property
    def inputs(self) -> Inputs:
        """All rows as the inputs of a frozen backbone, whose hidden states can be kept."""
        rows = self.all_rows
        return Inputs(
            value_hash([[list(row.ids), list(row.types)] for row in rows]), np.array([len(row.ids) for row in rows])
        )

    @cached_property
    def all_rows(self) -> list[Row]:
        """The rows of all examples, in order."""
        return [row for own in self.rows for row in own]

    @cached_property
    def first_rows(self) -> np.ndarray:
        """Number of each example's first row among all rows."""
        return np.concatenate([[0], np.cumsum(self.counts)[:-1]])

    @cached_property
    def counts(self) -> np.ndarray:
        """Rows of each example."""
        return np.array([len(rows) for rows in self.rows], dtype=np.int64)


@dataclass(frozen=True)
class Stack:
    """Rows padded on the right to the longest."""

    ids: Tensor
    """[B, Q] token ids; negative where a prompt token goes."""
    types: Tensor
    """[B, Q] token type ids."""
    visible: Tensor
    """[B, Q] False on padding."""
    row: Tensor
    """[R] row of each position a head reads, ascending."""
    read: Tensor
    """[R] position in that row."""
    single: bool
    """Whether every row is read at exactly one position."""
    decoder: Tensor | None
    """[B, D] token ids for the decoder of an encoder-decoder."""
    decoder_visible: Tensor | None
    """[B, D] False on padding."""

    def first(self, count: int) -> Stack:
        """Its first rows' tokens, without what is read of them."""
        return replace(self, ids=self.ids[:count], types=self.types[:count], visible=self.visible[:count])


def stack(rows: Sequence[Row], device: torch.device) -> Stack:
    """Stack rows, in order, into tensors."""
    ids, visible = _padded([row.ids for row in rows], device)
    types, _ = _padded([row.types for row in rows], device)
    numbers = torch.tensor([number for number, row in enumerate(rows) for _ in row.reads], dtype=torch.long)
    read = torch.tensor([position for row in rows for position in row.reads], dtype=torch.long)
    decoder = decoder_visible = None
    if any(row.decoder for row in rows):
        decoder, decoder_visible = _padded([row.decoder for row in rows], device)
    single = all(len(row.reads) == 1 for row in rows)
    return Stack(ids, types, visible, numbers.to(device), read.to(device), single, decoder, decoder_visible)


def _padded(lists: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Lists of numbers as [B, longest], zeros behind each, and where they are."""
    width = max(map(len, lists))
    values = torch.zeros((len(lists), width), dtype=torch.long)
    visible = torch.zeros((len(lists), width), dtype=torch.bool)
    for number, one in enumerate(lists):
        values[number, : len(one)] = torch.as_tensor(one)
        visible[number, : len(one)] = True
    return values.to(device), visible.to(device)
