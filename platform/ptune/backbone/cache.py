"""Hidden states of a frozen backbone, computed once per node: below the first prompt they depend on the tokens alone.

Kept unpadded, one memory-mapped file for each (backbone, layer, inputs), so that every engine of a node and every later
search reads the same pages. What does not fit into the budget is not kept, and callers compute.

Shapes: P tokens of all inputs · B rows · Q positions · H hidden width.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ptune.files import replacing, value_hash
from ptune.node_files import NodeFiles

_LOG = logging.getLogger(__name__)
_FORMAT = "ptune-states-1"

Fill = Callable[[], Iterable[tuple[np.ndarray, Tensor]]]
"""Computes what is to be kept: numbers of some rows and their hidden states [B, Q, H], padded on the right, in turn."""


@dataclass(frozen=True)
class Inputs:
    """The inputs whose states are kept: a split under one template.

    Attributes:
        digest: decides, with the backbone, what the states are.
        lengths: tokens of each row.
    """

    digest: str
    lengths: np.ndarray


class StateCache:
    """Hidden states on disk, up to a budget.

    States that this object has handed out stay on disk as long as it lives; states that others used longest ago give
    way to new ones. What is refused once is not asked for again.

    Args:
        folder: see `ptune.node_files.NodeFiles`.
        budget: see there.

    Attributes:
        files: where they lie.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self.files = NodeFiles(folder, budget)
        self._open: dict[str, tuple[Tensor, np.ndarray]] = {}
        self._refused: set[str] = set()

    def states(
        self,
        key: Sequence[str],
        inputs: Inputs,
        width: int,
        dtype: torch.dtype,
        fill: Fill,
    ) -> tuple[Tensor, np.ndarray] | None:
        """Hidden states [P, H] of all rows and where each begins; None when they cannot be kept.

        Args:
            key: all that decides the states besides the inputs.
            inputs: the rows.
            width: H.
            dtype: type of a state.
            fill: computes them all, if they have to be computed.
        """
        name = _name(key, inputs)
        if name in self._refused:
            return None
        if name not in self._open:
            offsets = _offsets(inputs)
            shape = (int(offsets[-1]), width)
            try:
                states = self._mapped_or_made(name, shape, dtype, offsets, fill)
            except (OSError, RuntimeError) as error:  # a cache that fails must not fail the training
                folder = self.files.folder
                _LOG.warning("hidden states are computed in every pass, because %s cannot keep them: %s", folder, error)
                states = None
            if states is None:
                self._refuse(name, shape, dtype)
                return None
            self._open[name] = (states, offsets)
        return self._open[name]

    def lookup(
        self, key: Sequence[str], inputs: Inputs, width: int, dtype: torch.dtype
    ) -> tuple[Tensor, np.ndarray] | None:
        """What `states` returns, if that is on disk; None otherwise. A lookup does not count as use."""
        name = _name(key, inputs)
        if name in self._open:
            return self._open[name]
        offsets = _offsets(inputs)
        path, shape = self.files.folder / name, (int(offsets[-1]), width)
        try:
            whole = self.files.is_sealed(name) and _is_whole(path, shape, dtype)
            return (_mapped(path, shape, dtype), offsets) if whole else None
        except RuntimeError:  # torch's word for a file that another engine has just removed
            return None

    def _mapped_or_made(
        self,
        name: str,
        shape: tuple[int, int],
        dtype: torch.dtype,
        offsets: np.ndarray,
        fill: Fill,
    ) -> Tensor | None:
        """The file's states, written by whoever of this node's engines comes first."""

        def make(path: Path) -> bool:
            size = _bytes(shape, dtype)
            if not self.files.make_room(size):
                return False
            self._write(path, size, shape, dtype, offsets, fill)
            return True

        path = self.files.hold(name, lambda path: _is_whole(path, shape, dtype), make)
        return None if path is None else _mapped(path, shape, dtype)

    def _refuse(self, name: str, shape: tuple[int, int], dtype: torch.dtype) -> None:
        self._refused.add(name)
        size, budget = _bytes(shape, dtype) / 2**30, self.files.budget / 2**30
        _LOG.info("%.3g GB of hidden states are not kept (budget: %.3g GB), every pass computes them", size, budget)

    def _write(
        self,
        path: Path,
        size: int,
        shape: tuple[int, int],
        dtype: torch.dtype,
        offsets: np.ndarray,
        fill: Fill,
    ) -> None:
        with replacing(path) as draft:
            with draft.open("wb") as stream:
                os.posix_fallocate(stream.fileno(), 0, size)  # a disk that fills under a mapped file kills the process
            states = _mapped(draft, shape, dtype, writable=True)
            for numbers, computed in fill():
                for number, row_states in zip(numbers, computed.to(dtype).cpu(), strict=True):
                    start, end = offsets[number], offsets[number + 1]
                    states[start:end] = row_states[: end - start]  # the rest is padding


def gather(states: Tensor, offsets: np.ndarray, numbers: np.ndarray, width: int) -> Tensor:
    """The states [B, Q, H] of some rows, from all states [P, H], with zeros behind each row up to `width` positions."""
    lengths_B = offsets[numbers + 1] - offsets[numbers]
    tokens_BQ = offsets[numbers][:, None] + np.arange(width)
    inside_BQ = np.arange(width) < lengths_B[:, None]
    # One fancy index copies all rows at once; padding reads token 0, because its own index may lie past the end.
    states_BQH = states[torch.as_tensor(np.where(inside_BQ, tokens_BQ, 0))]
    return states_BQH.masked_fill(~torch.as_tensor(inside_BQ)[..., None], 0.0)


def _name(key: Sequence[str], inputs: Inputs) -> str:
    return f"{value_hash([_FORMAT, *key, inputs.digest])}.states"


def _offsets(inputs: Inputs) -> np.ndarray:
    """Where each row begins, and where the last ends."""
    return np.concatenate([[0], np.cumsum(inputs.lengths)])


def _bytes(shape: tuple[int, int], dtype: torch.dtype) -> int:
    return shape[0] * shape[1] * dtype.itemsize


def _is_whole(path: Path, shape: tuple[int, int], dtype: torch.dtype) -> bool:
    try:
        return path.stat().st_size == _bytes(shape, dtype)
    except FileNotFoundError:
        return False


def _mapped(path: Path, shape: tuple[int, int], dtype: torch.dtype, *, writable: bool = False) -> Tensor:
    count = shape[0] * shape[1]
    flat = torch.from_file(str(path), shared=writable, size=count, dtype=dtype)
    return flat.view(shape)
