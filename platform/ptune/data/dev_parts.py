"""Parts of a dev split, each of which holds the smaller ones, for reports that need not be scored on all of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ptune.data.sources import Split

_PARTS = int.from_bytes(b"dev parts")  # keeps this stream apart from every other that starts from the job's seed


def dev_parts(dev: Split, sizes: Sequence[int], seed: int) -> list[Split]:
    """The first examples of one permutation, which the seed alone decides, in the order in which the split has them."""
    order = np.random.default_rng([_PARTS, seed]).permutation(len(dev))
    return [dev.pick(np.sort(order[:size]).tolist()) for size in sizes]
