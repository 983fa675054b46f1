"""Which examples go together: training order and evaluation order, as functions of their arguments alone.

Examples of similar length share a batch, because a batch costs rows times its longest row. Pure numpy; knows neither
tokens nor models.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.int64]

_WINDOW = 50  # batches: wide enough that lengths within a batch nearly agree, narrow enough to stay random
_ORDER, _RANKS = int.from_bytes(b"order"), int.from_bytes(b"ranks")  # streams apart from all others of the same seed


def epoch_batches(
    lengths: Sequence[int] | NDArray[np.int64],
    batch_size: int,
    seed: int,
    trial: int,
    epoch: int,
    dataset_indices: NDArray[np.int64] | None = None,
) -> list[Batch]:
    """Cut one epoch of training into batches.

    All examples are shuffled. The remainder that fills no batch becomes the last batch; the others are cut into
    windows of 50 batches. Each window is sorted by length and cut into batches, and all batches are shuffled.

    (seed, trial, epoch) decide which examples meet. (seed, epoch) decide the order of the batches' lengths, so that
    trials which begin an epoch together ask for batches of about one length, also of different sizes, and can share
    passes. Nothing depends on another trial or on what ran before.

    Each of several data sets is cut by itself, so that a batch holds examples of one data set; then all batches are
    shuffled.

    Args:
        lengths: tokens of each example, shape (n,).
        batch_size: examples per batch; only the last batch may be smaller.
        seed: the search's seed.
        trial: the trial's number.
        epoch: the epoch's number.
        dataset_indices: the data set of each example, shape (n,); None is one.

    Returns:
        Arrays of example numbers; every example is in exactly one.
    """
    sizes = np.asarray(lengths)
    rng, ranks = (np.random.default_rng(stream) for stream in ([_ORDER, seed, trial, epoch], [_RANKS, seed, epoch]))
    if dataset_indices is None or (dataset_indices == dataset_indices[0]).all():
        return _cut(sizes, batch_size, rng, ranks)
    datasets = [np.flatnonzero(dataset_indices == index) for index in np.unique(dataset_indices)]
    batches = [members[batch] for members in datasets for batch in _cut(sizes[members], batch_size, rng, ranks)]
    return _shuffled(batches, sizes, ranks)


def _cut(
    sizes: NDArray[np.int64], batch_size: int, rng: np.random.Generator, ranks: np.random.Generator
) -> list[Batch]:
    order = rng.permutation(len(sizes))
    full, remainder = np.split(order, [len(order) - len(order) % batch_size])
    batches: list[Batch] = []
    for start in range(0, len(full), _WINDOW * batch_size):
        window = full[start : start + _WINDOW * batch_size]
        window = window[np.argsort(sizes[window], kind="stable")]
        batches += np.split(window, range(batch_size, len(window), batch_size))
    shuffled = _shuffled(batches, sizes, ranks)
    return [*shuffled, remainder] if len(remainder) else shuffled


def _shuffled(batches: list[Batch], sizes: NDArray[np.int64], ranks: np.random.Generator) -> list[Batch]:
    """Batches in the order of draws: step t has the batch whose rank by length is the rank of draw t."""
    by_length = np.argsort([sizes[batch].max() for batch in batches], kind="stable")
    drawn = np.argsort(np.argsort(ranks.random(len(batches))))
    return [batches[index] for index in by_length[drawn]]


def parts_of(batch: Batch, widths: NDArray[np.int64], rows: NDArray[np.int64], max_tokens: int) -> list[Batch]:
    """Cut a mini-batch into parts that fit into memory one by one, its examples in their order.

    Args:
        batch: example numbers.
        widths: tokens of each example's longest row, shape (n,).
        rows: rows of each example, shape (n,).
        max_tokens: most tokens of a part, padding included; an example that has more is a part by itself.
    """
    parts: list[Batch] = []
    start = 0
    for end in range(1, len(batch) + 1):
        longer = batch[start : end + 1]
        if end == len(batch) or rows[longer].sum() * widths[longer].max() > max_tokens:
            parts.append(batch[start:end])
            start = end
    return parts


def eval_batches(lengths: Sequence[int] | NDArray[np.int64], max_tokens: int) -> list[Batch]:
    """Cut a split into batches for evaluation, shortest examples first.

    Args:
        lengths: tokens of each example, shape (n,).
        max_tokens: most tokens of a batch, padding included; an example that is longer is a batch by itself.

    Returns:
        Arrays of example numbers; every example is in exactly one.
    """
    sizes = np.asarray(lengths)
    order = np.argsort(sizes, kind="stable")
    batches: list[Batch] = []
    start = 0
    for end in range(1, len(order) + 1):
        is_full = end == len(order) or (end - start + 1) * sizes[order[end]] > max_tokens
        if is_full:
            batches.append(order[start:end])
            start = end
    return batches
