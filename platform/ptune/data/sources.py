"""The data of a task: built-in, local files or the Hub, checked completely and held as plain Python.

    splits = load_splits(job.task.data, job.seed)
    splits.train.texts[0], splits.labels[splits.train.labels[0]]

Knows where examples come from, not how they are tokenised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ptune.data.builtin import PREFIX, split_file
from ptune.data.columns import Columns, extract, label_order, number
from ptune.data.readers import pick_split, read_file, read_hub
from ptune.errors import DataError
from ptune.files import value_hash
from ptune.spec.job import Data

if TYPE_CHECKING:
    from datasets import Dataset

_DRAW = int.from_bytes(b"draw")  # keeps this stream apart from every other that starts from the job's seed


@dataclass(frozen=True)
class Split:
    """Examples, in the order of their source."""

    texts: list[tuple[str, ...]]
    """One tuple of the text columns for each example."""
    labels: list[int]
    """The label's position in `Splits.labels` for each example."""
    source: str
    """A path, `builtin:NAME:SPLIT` or `hub-id:config:split`."""
    digest: str
    """SHA-256 of the texts and label names held here."""

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.texts)


@dataclass(frozen=True)
class Splits:
    """The data of a task."""

    train: Split
    dev: Split
    test: Split | None
    labels: list[str]
    """Label names in the order of the head's outputs."""


def load_splits(data: Data, seed: int) -> Splits:
    """Load and check every split that a job names.

    `limit_train` keeps the first k of a permutation of the training split drawn from `seed` alone, in the source's
    order: a smaller limit is a subset of a larger one. `limit_dev` keeps the first examples. Labels are found, and
    checked, before limits apply.

    Raises:
        DataError: a source cannot be read, or what it holds is no classification data; one line for each problem.
    """
    columns = _read_all(data)
    labels = label_order(columns["train"], data.labels)
    numbered: dict[str, list[int]] = {}
    problems: list[str] = []
    for name, split in columns.items():
        try:
            numbered[name] = number(split, labels)
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    splits = {name: _split(columns[name], numbered[name], labels, _kept(data, seed, name)) for name in columns}
    return Splits(splits["train"], splits["dev"], splits.get("test"), labels)


def _read_all(data: Data) -> dict[str, Columns]:
    """The columns of every split that the job names, by the split's role."""
    read = _reader(data)
    stated = {"train": data.train, "dev": data.dev, "test": data.test}
    columns: dict[str, Columns] = {}
    problems: list[str] = []
    for role, name in stated.items():
        if name is None:
            continue
        try:
            columns[role] = extract(*read(name), data)
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    return columns


def _reader(data: Data) -> Callable[[str], tuple[Dataset, str]]:
    """How this job's splits are read: a function from a split's name to its table and the name of its source."""
    source, config = data.source, data.config
    if source is None:
        return lambda name: (read_file(Path(name)), name)
    if source.startswith(PREFIX):
        return lambda name: (read_file(split_file(source, name)), f"{source}:{name}")
    tables = read_hub(source, config)
    return lambda name: (pick_split(tables, source, config, name), ":".join(filter(None, (source, config, name))))


def _kept(data: Data, seed: int, role: str) -> Callable[[int], list[int]]:
    """Which examples of a split of n are used."""
    if role == "train" and data.limit_train is not None:
        limit = data.limit_train
        return lambda n: sorted(np.random.default_rng([_DRAW, seed]).permutation(n)[:limit].tolist())
    limit_dev = data.limit_dev if role == "dev" else None
    return lambda n: list(range(n))[:limit_dev]


def _split(columns: Columns, numbers: list[int], labels: list[str], kept: Callable[[int], list[int]]) -> Split:
    rows = kept(len(numbers))
    texts = [columns.texts[row] for row in rows]
    chosen = [numbers[row] for row in rows]
    digest = value_hash([texts, [labels[index] for index in chosen]])
    return Split(texts, chosen, columns.source, digest)
