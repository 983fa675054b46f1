"""Hidden states of a frozen backbone, computed once per node: below the first prompt they depend on the tokens alone.

Kept unpadded, one memory-mapped file for each (backbone, layer, inputs), so that every engine of a node and every later
search reads the same pages. What does not fit into the budget is not kept, and callers compute.

Shapes: P tokens of all inputs · B rows · Q positions · H hidden width.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ptune.files import replacing, value_hash

_LOG = logging.getLogger(__name__)
_FORMAT = "ptune-states-1"
_STALE_SECONDS = 3600.0

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
    """Hidden states on disk, up to a budget; those that nobody has asked for longest give way to new ones.

    Args:
        folder: where the files lie, on a disk of this node; made for its owner alone.
        budget: most bytes that the folder's files may take.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self._folder = folder
        self._budget = budget
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
                found = self._found(self._path(name), shape, dtype, offsets, fill)
            except (OSError, torch.OutOfMemoryError) as error:  # a cache that fails must not fail the training
                _LOG.warning(
                    "hidden states are computed in every pass, because %s cannot keep them: %s", self._folder, error
                )
                found = None
            if found is None:
                self._refused.add(name)
                return None
            self._open[name] = (found, offsets)
        return self._open[name]

    def found(
        self, key: Sequence[str], inputs: Inputs, width: int, dtype: torch.dtype
    ) -> tuple[Tensor, np.ndarray] | None:
        """What `states` gives, if it is there without computing; asking so does not count as use."""
        name = _name(key, inputs)
        if name in self._open:
            return self._open[name]
        offsets = _offsets(inputs)
        path, shape = self._path(name), (int(offsets[-1]), width)
        try:
            return (_mapped(path, shape, dtype), offsets) if _is_whole(path, shape, dtype) else None
        except RuntimeError:  # torch's word for a file that another engine has just removed
            return None

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.states"

    def _found(
        self,
        path: Path,
        shape: tuple[int, int],
        dtype: torch.dtype,
        offsets: np.ndarray,
        fill: Fill,
    ) -> Tensor | None:
        """The file's states, written by whoever of this node's engines comes first."""
        size = shape[0] * shape[1] * dtype.itemsize
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / f"{path.stem}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_whole(path, shape, dtype):
                os.utime(path)
            elif self._make_room(size):
                self._write(path, size, shape, dtype, offsets, fill)
            else:
                return None
        return _mapped(path, shape, dtype)

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
                for number, own in zip(numbers, computed, strict=True):
                    start, end = offsets[number], offsets[number + 1]
                    states[start:end] = own[: end - start].to(dtype).cpu()

    def _make_room(self, size: int) -> bool:
        """Remove the files that were asked for longest ago, and drafts of processes that died, until `size` fits."""
        if size > min(self._budget, shutil.disk_usage(self._folder).free // 2):
            return False
        for draft in self._folder.glob(".*.tmp"):
            if time.time() - draft.stat().st_mtime > _STALE_SECONDS:
                draft.unlink(missing_ok=True)
        files = sorted(self._folder.glob("*.states"), key=lambda file: file.stat().st_mtime)
        used = sum(file.stat().st_size for file in files)
        for file in files:
            if used + size <= self._budget:
                break
            used -= file.stat().st_size
            file.unlink(missing_ok=True)  # who has it mapped keeps it
        return True


def gather(states: Tensor, offsets: np.ndarray, numbers: np.ndarray, width: int) -> Tensor:
    """The states [B, Q, H] of some rows, zeros behind each up to `width` positions."""
    lengths = offsets[numbers + 1] - offsets[numbers]
    places = offsets[numbers][:, None] + np.arange(width)
    inside = np.arange(width) < lengths[:, None]
    picked = states[torch.as_tensor(np.where(inside, places, 0))]
    return picked.masked_fill(~torch.as_tensor(inside)[..., None], 0.0)


def default_folder() -> Path:
    """PTUNE_CACHE, or a folder in the user's cache folder."""
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("PTUNE_CACHE", home / "ptune" / "states"))


def _name(key: Sequence[str], inputs: Inputs) -> str:
    return value_hash([_FORMAT, *key, inputs.digest])


def _offsets(inputs: Inputs) -> np.ndarray:
    """Where each row begins, and where the last ends."""
    return np.concatenate([[0], np.cumsum(inputs.lengths)])


def _is_whole(path: Path, shape: tuple[int, int], dtype: torch.dtype) -> bool:
    try:
        return path.stat().st_size == shape[0] * shape[1] * dtype.itemsize
    except FileNotFoundError:
        return False


def _mapped(path: Path, shape: tuple[int, int], dtype: torch.dtype, *, writable: bool = False) -> Tensor:
    count = shape[0] * shape[1]
    flat = torch.from_file(str(path), shared=writable, size=count, dtype=dtype)
    return flat.view(shape)
