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

    Shuffles all examples, sets the remainder that fills no batch aside as the last batch, cuts the rest into windows
    of 50 batches, sorts each window by length, cuts it into batches and shuffles all of them. Which examples meet is
    drawn from (seed, trial, epoch); the order of the lengths from (seed, epoch), so that trials which begin an epoch
    together want batches of about one length, also of different sizes, and can share passes. Nothing depends on
    another trial or on what ran before.
    Of several data sets each is cut by itself, so that a batch holds one data set's examples, and then all batches
    are shuffled.

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
    whole, rest = np.split(order, [len(order) - len(order) % batch_size])
    batches: list[Batch] = []
    for start in range(0, len(whole), _WINDOW * batch_size):
        window = whole[start : start + _WINDOW * batch_size]
        window = window[np.argsort(sizes[window], kind="stable")]
        batches += np.split(window, range(batch_size, len(window), batch_size))
    shuffled = _shuffled(batches, sizes, ranks)
    return [*shuffled, rest] if len(rest) else shuffled


def _shuffled(batches: list[Batch], sizes: NDArray[np.int64], ranks: np.random.Generator) -> list[Batch]:
    """Batches in the order of draws: step t has the batch whose rank by length is the rank of draw t."""
    by_length = np.argsort([sizes[batch].max() for batch in batches], kind="stable")
    drawn = np.argsort(np.argsort(ranks.random(len(batches))))
    return [batches[index] for index in by_length[drawn]]


def eval_batches(lengths: Sequence[int] | NDArray[np.int64], max_tokens: int) -> list[Batch]:
    """Cut a split into batches for evaluation, shortest examples first.

    Args:
        lengths: tokens of each example, shape (n,).
        max_tokens: most tokens of a batch, padding included; an example longer than that is a batch of its own.

    Returns:
        Arrays of example numbers; every example is in exactly one.
    """
    sizes = np.asarray(lengths)
    order = np.argsort(sizes, kind="stable")
    batches: list[Batch] = []
    start = 0
    for end in range(1, len(order) + 1):
        full = end == len(order) or (end - start + 1) * sizes[order[end]] > max_tokens
        if full:
            batches.append(order[start:end])
            start = end
    return batches
