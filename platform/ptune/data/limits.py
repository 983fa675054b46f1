"""Which examples of a split are used if a job limits their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ptune.spec.source import Source

_DRAW = int.from_bytes(b"draw")  # keeps this stream apart from every other that starts from the job's seed
_ROLES = ("train", "dev", "test")


def kept(data: Source, seed: int, role: str, answers: Sequence[Any]) -> list[int]:
    """The examples of a split that are used, in the source's order.

    `stratified` takes from each label the share that it has in the split. The draw is decided by the seed and the
    split's role alone, and a smaller limit is a subset of a larger one. Without labels every example is alike.

    Args:
        data: the data set, with its limits.
        seed: the job's seed.
        role: train, dev or test.
        answers: the answer of each example.
    """
    rows, limit = len(answers), {"train": data.limit_train, "dev": data.limit_dev, "test": data.limit_test}[role]
    if limit is None or limit >= rows:
        return list(range(rows))
    if data.limit_by == "first":
        return sorted(_shuffled(rows, [_DRAW, seed])[:limit]) if role == "train" else list(range(limit))
    order = _shuffled(rows, [_DRAW, seed, *([_ROLES.index(role)] if role != "train" else [])])
    return sorted(_spread(order, answers)[:limit])


def _shuffled(rows: int, seed: Sequence[int]) -> list[int]:
    order: list[int] = np.random.default_rng(seed).permutation(rows).tolist()
    return order


def _spread(order: Sequence[int], answers: Sequence[Any]) -> list[int]:
    """The examples in an order of which every beginning holds each label in its proportion, as nearly as it can."""
    if not all(isinstance(answer, int) for answer in answers):
        return list(order)
    sizes, seen = Counter(answers), Counter[Any]()
    places = []
    for rank, row in enumerate(order):
        label = answers[row]
        places.append(((seen[label] + 0.5) / sizes[label], rank, row))
        seen[label] += 1
    return [row for _, _, row in sorted(places)]
