"""Lists of different lengths in one flat array, which costs a few bytes for each number and can be mapped from a file.

Pure numpy; knows neither tokens nor models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Ragged:
    """Lists of whole numbers.

    Attributes:
        values: [P] all numbers, list after list.
        offsets: [n + 1] where each list begins, and where the last ends.
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]]) -> Ragged:
        """Lists as they are."""
        lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
        return cls.parted(np.fromiter(chain.from_iterable(lists), dtype=np.int32, count=int(lengths.sum())), lengths)

    @classmethod
    def parted(cls, values: NDArray[Any], lengths: NDArray[Any]) -> Ragged:
        """All numbers, and how many of them each list has."""
        return cls(values, np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)]))

    @classmethod
    def joined(cls, parts: Sequence[Ragged]) -> Ragged:
        """The lists of several parts, one part after another."""
        if len(parts) == 1:
            return parts[0]
        lengths = np.concatenate([part.lengths for part in parts])
        return cls.parted(np.concatenate([part.values for part in parts]), lengths)

    def __len__(self) -> int:
        """Number of lists."""
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> list[int]:
        """One list."""
        numbers: list[int] = self.values[self.offsets[number] : self.offsets[number + 1]].tolist()
        return numbers

    @property
    def lengths(self) -> NDArray[np.int64]:
        """[n] numbers in each list."""
        return np.diff(self.offsets)

    def pick(self, numbers: NDArray[np.int64]) -> Ragged:
        """Some of the lists, in the order given."""
        lengths = self.lengths[numbers]
        return Ragged.parted(self.values[ranges(self.offsets[numbers], lengths)], lengths)

    def padded(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The lists as [n, longest], zeros behind each, and where their numbers are."""
        lengths = self.lengths
        inside = np.arange(lengths.max(initial=0)) < lengths[:, None]
        values = np.zeros(inside.shape, dtype=np.int64)
        values[inside] = self.values
        return values, inside


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """`start, start + 1, ...` for each start, as many as its length says, one after another."""
    ends = np.cumsum(lengths)
    shifts = starts - (ends - lengths)
    return np.repeat(shifts, lengths) + np.arange(ends[-1] if len(ends) else 0)
