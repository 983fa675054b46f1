"""Encoded examples, and their rows stacked into tensors. Knows padding, not prompts.

An *example* is what a task counts and samples. It is one row (one input of the backbone), or several: a multiple
choice has a row for each candidate. A head reads one position of a row, or several.

Shapes: B rows · Q positions (the longest row's) · R positions read in all rows · D decoder positions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ptune.backbone.cache import Inputs
from ptune.backbone.transfer import to_device
from ptune.data.ragged import Ragged, ranges
from ptune.data.sources import Split
from ptune.data.templates import Example


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
class Rows:
    """Rows side by side; the attributes are those of `Row`, a list for each."""

    ids: Ragged
    types: Ragged
    reads: Ragged
    decoder: Ragged

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Rows:
        """Rows, in order."""
        return cls(*(Ragged.of([getattr(row, one.name) for row in rows]) for one in fields(cls)))

    @classmethod
    def joined(cls, each: Sequence[Rows]) -> Rows:
        """Some rows behind others."""
        return cls(*(Ragged.joined([getattr(rows, one.name) for rows in each]) for one in fields(cls)))

    def pick(self, numbers: np.ndarray) -> Rows:
        """Some of the rows, in the order given."""
        return Rows(*(getattr(self, one.name).pick(numbers) for one in fields(self)))

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.ids)

    def __iter__(self) -> Iterator[Row]:
        """One row after another."""
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Row:
        """One row."""
        return Row(*(getattr(self, one.name)[number] for one in fields(self)))


@dataclass(frozen=True)
class Examples:
    """One split, or several data sets' splits one after another, encoded under one prompt's templates.

    Attributes:
        rows: the rows of all examples, in order.
        counts: rows of each example.
        labels: the answer of each example, as its task has it.
        parts: the data set of each example.
        about: what the task has to know of each example to make an answer of its scores; mostly nothing.
        splits: what was encoded, for each data set.
    """

    rows: Rows
    counts: np.ndarray
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
        """Examples of one data set, with the rows of each; labels are the split's unless stated."""
        known = [None] * len(rows) if about is None else about
        answers = split.labels if labels is None else labels
        counts = np.array([len(own) for own in rows], dtype=np.int64)
        flat = Rows.of([row for own in rows for row in own])
        return cls(flat, counts, answers, np.zeros(len(rows), dtype=np.int64), known, [split])

    @classmethod
    def joined(cls, each: Sequence[Examples]) -> Examples:
        """Several data sets one after another; their numbers are their places."""
        if len(each) == 1:
            return each[0]
        rows, counts = Rows.joined([one.rows for one in each]), np.concatenate([one.counts for one in each])
        parts = np.concatenate([np.full(len(one), number, dtype=np.int64) for number, one in enumerate(each)])
        labels, about = ([item for one in each for item in getattr(one, name)] for name in ("labels", "about"))
        return cls(rows, counts, labels, parts, about, [split for one in each for split in one.splits])

    def at(self, place: int) -> Examples:
        """The examples of one data set as those of data set number `place`, without the others."""
        return replace(self, parts=np.full(len(self), place, dtype=np.int64))

    def part(self, number: int) -> Examples:
        """The examples of one data set."""
        if len(self.splits) == 1:
            return self
        members = np.flatnonzero(self.parts == number)
        labels, about = ([values[index] for index in members.tolist()] for values in (self.labels, self.about))
        rows, parts = self.rows.pick(self.row_numbers(members)), np.zeros(len(members), dtype=np.int64)
        return Examples(rows, self.counts[members], labels, parts, about, [self.splits[number]])

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.counts)

    def row_numbers(self, indices: np.ndarray) -> np.ndarray:
        """Which rows are those of some examples, in order."""
        return ranges(self._first_rows[indices], self.counts[indices])

    def rows_of(self, *indices: int) -> list[Row]:
        """The rows of some examples, in order."""
        return [self.rows[number] for number in self.row_numbers(np.array(indices, dtype=np.int64))]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each example's longest row."""
        tokens = self.rows.ids.lengths + self.rows.decoder.lengths
        longest: np.ndarray = np.maximum.reduceat(tokens, self._first_rows)
        return longest

    @cached_property
    def inputs(self) -> Inputs:
        """All rows as the inputs of a frozen backbone, whose hidden states can be kept."""
        ids, types = self.rows.ids, self.rows.types
        digest = hashlib.sha256()
        for numbers in (ids.offsets, ids.values, types.values):
            digest.update(numbers.tobytes())
        return Inputs(digest.hexdigest(), ids.lengths)

    @cached_property
    def _first_rows(self) -> np.ndarray:
        """Number of each example's first row."""
        first: np.ndarray = np.cumsum(self.counts) - self.counts
        return first


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


def stack(rows: Rows, device: torch.device) -> Stack:
    """Stack rows, in order, into tensors."""

    def placed(numbers: np.ndarray) -> Tensor:
        return to_device(torch.from_numpy(numbers), device)

    counts = rows.reads.lengths
    ids, visible = map(placed, rows.ids.padded())
    types, _ = rows.types.padded()
    row, read = np.repeat(np.arange(len(rows)), counts), rows.reads.values.astype(np.int64)
    decoder = decoder_visible = None
    if len(rows.decoder.values):
        decoder, decoder_visible = map(placed, rows.decoder.padded())
    single = bool((counts == 1).all())
    return Stack(ids, placed(types), visible, placed(row), placed(read), single, decoder, decoder_visible)
