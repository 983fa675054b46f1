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
        """The row of an encoded input, read at the positions `reads`."""
        return cls(example.ids, example.types, reads, decoder)

    @property
    def length(self) -> int:
        """Number of tokens, including v1's prompt tokens and the decoder's tokens."""
        return len(self.ids) + len(self.decoder)


@dataclass(frozen=True)
class Rows:
    """Many rows. Each attribute is that of `Row`, with a list for each row.

    Each attribute is one flat array, so that a pass is stacked by slicing instead of a loop over rows.
    """

    ids: Ragged
    types: Ragged
    reads: Ragged
    decoder: Ragged

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Rows:
        """The rows, in order."""
        return cls(*(Ragged.of([getattr(row, column.name) for row in rows]) for column in fields(cls)))

    @classmethod
    def joined(cls, groups: Sequence[Rows]) -> Rows:
        """The rows of all groups, one group after another."""
        return cls(*(Ragged.joined([getattr(rows, column.name) for rows in groups]) for column in fields(cls)))

    def pick(self, numbers: np.ndarray) -> Rows:
        """The rows with these numbers, in the order of `numbers`."""
        return Rows(*(getattr(self, column.name).pick(numbers) for column in fields(self)))

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.ids)

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows in order."""
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Row:
        """The row with this number."""
        return Row(*(getattr(self, column.name)[number] for column in fields(self)))


@dataclass(frozen=True)
class Examples:
    """One split, or the splits of several data sets one after another, encoded under one prompt's templates.

    Attributes:
        rows: the rows of all examples, in order.
        row_counts: number of rows of each example.
        labels: the answer of each example, in the form that its task uses.
        dataset_indices: the data set of each example.
        task_info: what the task must know about each example to turn its scores into an answer; often None.
        splits: the split that was encoded, for each data set.
    """

    rows: Rows
    row_counts: np.ndarray
    labels: Sequence[Any]
    dataset_indices: np.ndarray
    task_info: Sequence[Any]
    splits: Sequence[Split]

    @classmethod
    def of(
        cls,
        split: Split,
        rows: Sequence[Sequence[Row]],
        labels: Sequence[Any] | None = None,
        task_info: Sequence[Any] | None = None,
    ) -> Examples:
        """Examples of one data set, with the rows of each; labels are the split's unless given."""
        task_info = [None] * len(rows) if task_info is None else task_info
        answers = split.labels if labels is None else labels
        row_counts = np.array([len(example_rows) for example_rows in rows], dtype=np.int64)
        flat = Rows.of([row for example_rows in rows for row in example_rows])
        return cls(flat, row_counts, answers, np.zeros(len(rows), dtype=np.int64), task_info, [split])

    @classmethod
    def joined(cls, datasets: Sequence[Examples]) -> Examples:
        """The examples of several data sets, one after another; a data set's index is its place in the list."""
        if len(datasets) == 1:
            return datasets[0]
        return cls(
            rows=Rows.joined([examples.rows for examples in datasets]),
            row_counts=np.concatenate([examples.row_counts for examples in datasets]),
            labels=[label for examples in datasets for label in examples.labels],
            dataset_indices=np.repeat(np.arange(len(datasets)), [len(examples) for examples in datasets]),
            task_info=[info for examples in datasets for info in examples.task_info],
            splits=[split for examples in datasets for split in examples.splits],
        )

    def as_dataset(self, dataset_index: int) -> Examples:
        """The examples of a single data set, marked as those of data set `dataset_index`."""
        return replace(self, dataset_indices=np.full(len(self), dataset_index, dtype=np.int64))

    def of_dataset(self, dataset_index: int) -> Examples:
        """The examples of data set `dataset_index` by themselves, marked as those of data set 0."""
        if len(self.splits) == 1:
            return self
        members = np.flatnonzero(self.dataset_indices == dataset_index)
        return Examples(
            rows=self.rows.pick(self.row_numbers(members)),
            row_counts=self.row_counts[members],
            labels=[self.labels[index] for index in members.tolist()],
            dataset_indices=np.zeros(len(members), dtype=np.int64),
            task_info=[self.task_info[index] for index in members.tolist()],
            splits=[self.splits[dataset_index]],
        )

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.row_counts)

    def row_numbers(self, indices: np.ndarray) -> np.ndarray:
        """The numbers of the rows of these examples, in order."""
        return ranges(self._first_rows[indices], self.row_counts[indices])

    def rows_of(self, *indices: int) -> list[Row]:
        """The rows of these examples, in order."""
        return [self.rows[number] for number in self.row_numbers(np.array(indices, dtype=np.int64))]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each example's longest row."""
        tokens = self.rows.ids.lengths + self.rows.decoder.lengths
        longest: np.ndarray = np.maximum.reduceat(tokens, self._first_rows)
        return longest

    @cached_property
    def inputs(self) -> Inputs:
        """All rows as the inputs of a frozen backbone, whose hidden states a cache can hold."""
        ids, types = self.rows.ids, self.rows.types
        digest = hashlib.sha256()
        # The offsets belong to the digest: the same tokens cut into other rows have other hidden states.
        for numbers in (ids.offsets, ids.values, types.values):
            digest.update(numbers.tobytes())
        return Inputs(digest.hexdigest(), ids.lengths)

    @cached_property
    def _first_rows(self) -> np.ndarray:
        """Number of each example's first row."""
        first: np.ndarray = np.cumsum(self.row_counts) - self.row_counts
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
    lengths: list[int]
    """Tokens of each row."""
    read_rows: Tensor
    """[R] row of each position a head reads, ascending."""
    read_positions: Tensor
    """[R] position in that row."""
    single_read: bool
    """Whether every row is read at exactly one position."""
    decoder: Tensor | None
    """[B, D] token ids for the decoder of an encoder-decoder."""
    decoder_visible: Tensor | None
    """[B, D] False on padding."""

    def first(self, count: int) -> Stack:
        """The tokens of the first `count` rows; what a head reads and the decoder's tokens stay those of all rows."""
        return replace(self, ids=self.ids[:count], types=self.types[:count], visible=self.visible[:count])


def stack(rows: Rows, device: torch.device) -> Stack:
    """Stack rows, in order, into tensors."""

    def on_device(numbers: np.ndarray) -> Tensor:
        return to_device(torch.from_numpy(numbers), device)

    read_counts = rows.reads.lengths
    ids, visible = map(on_device, rows.ids.padded())
    types, _ = rows.types.padded()
    decoder = decoder_visible = None
    if len(rows.decoder.values):
        decoder, decoder_visible = map(on_device, rows.decoder.padded())
    return Stack(
        ids=ids,
        types=on_device(types),
        visible=visible,
        lengths=rows.ids.lengths.tolist(),
        read_rows=on_device(np.repeat(np.arange(len(rows)), read_counts)),
        read_positions=on_device(rows.reads.values.astype(np.int64)),
        single_read=bool((read_counts == 1).all()),
        decoder=decoder,
        decoder_visible=decoder_visible,
    )
