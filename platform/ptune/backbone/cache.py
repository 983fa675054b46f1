"""Hidden states of a frozen backbone, computed once per node: below the first prompt they depend on the tokens alone.

Kept unpadded, one memory-mapped file for each (backbone, type, layer, inputs), so that every engine of a node and
every later search reads the same pages. When the size budget is spent, nothing more is kept and callers compute.

Shapes: P tokens of all inputs · B rows · Q positions · H hidden width.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ptune.files import replacing, value_hash

Compute = Callable[[np.ndarray], Tensor]
"""Hidden states [B, Q, H] of the rows with these numbers, padded on the right to the longest."""


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

    Args:
        folder: where the files lie; on a disk of this node.
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
        batches: Callable[[], Sequence[np.ndarray]],
        compute: Compute,
    ) -> tuple[Tensor, np.ndarray] | None:
        """Hidden states [P, H] of all rows and where each begins; None when the budget has no room for them.

        Args:
            key: backbone, type and layer.
            inputs: the rows.
            width: H.
            dtype: type of a state.
            batches: row numbers to compute together, if they have to be computed.
            compute: computes them.
        """
        name = value_hash([*key, inputs.digest])
        if name in self._refused:
            return None
        if name not in self._open:
            offsets = np.concatenate([[0], np.cumsum(inputs.lengths)])
            path = self._folder / f"{name}.states"
            shape = (int(offsets[-1]), width)
            if not path.exists() and not self._write(path, shape, dtype, offsets, batches, compute):
                self._refused.add(name)
                return None
            self._open[name] = (_mapped(path, shape, dtype), offsets)
        return self._open[name]

    def _write(
        self,
        path: Path,
        shape: tuple[int, int],
        dtype: torch.dtype,
        offsets: np.ndarray,
        batches: Callable[[], Sequence[np.ndarray]],
        compute: Compute,
    ) -> bool:
        self._folder.mkdir(parents=True, exist_ok=True)
        size = shape[0] * shape[1] * dtype.itemsize
        used = sum(file.stat().st_size for file in self._folder.glob("*.states"))
        if used + size > self._budget or size > shutil.disk_usage(self._folder).free // 2:
            return False
        with replacing(path) as draft:
            with draft.open("wb") as stream:
                stream.truncate(size)
            states = _mapped(draft, shape, dtype, writable=True)
            for batch in batches():
                for number, own in zip(batch, compute(batch), strict=True):
                    start, end = offsets[number], offsets[number + 1]
                    states[start:end] = own[: end - start].to(dtype).cpu()
        return True


def gather(states: Tensor, offsets: np.ndarray, numbers: np.ndarray, width: int) -> Tensor:
    """The states [B, Q, H] of some rows, zeros behind each up to `width` positions."""
    lengths = offsets[numbers + 1] - offsets[numbers]
    places = offsets[numbers][:, None] + np.arange(width)
    inside = np.arange(width) < lengths[:, None]
    picked = states[torch.as_tensor(np.where(inside, places, 0))]
    return picked.masked_fill(~torch.as_tensor(inside)[..., None], 0.0)


def default_folder() -> Path:
    """A folder on this node for everyone of this user."""
    return Path(os.environ.get("PTUNE_CACHE", Path(tempfile.gettempdir()) / f"ptune-states-{os.getuid()}"))


def _mapped(path: Path, shape: tuple[int, int], dtype: torch.dtype, *, writable: bool = False) -> Tensor:
    count = shape[0] * shape[1]
    flat = torch.from_file(str(path), shared=writable, size=count, dtype=dtype)
    return flat.view(shape)
