"""The data of a task: built-in, local files or the Hub, checked completely and held as plain Python.

    splits = load_splits(job.task.data, job.seed)
    splits.train.texts[0], splits.labels[splits.train.labels[0]]

Knows where examples come from, not how they are tokenised. What an example is, by kind of task, is each kind's own
file beside this one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

import numpy as np

from ptune.data import candidates, columns, facts, questions, tagged, targets
from ptune.data.builtin import PREFIX, split_file
from ptune.data.columns import Columns, explode, needed, prepared
from ptune.data.readers import pick_split, read_file, read_hub
from ptune.errors import DataError, SpecError
from ptune.files import value_hash
from ptune.spec.data import (
    ChoiceData,
    ClassificationData,
    ClozeData,
    Data,
    GenerationData,
    SpanData,
    TokensData,
    file_of,
)

if TYPE_CHECKING:
    from datasets import Dataset

_DRAW = int.from_bytes(b"draw")  # keeps this stream apart from every other that starts from the job's seed
_SHOTS = int.from_bytes(b"shots")


@dataclass(frozen=True)
class Split:
    """Examples, in the order of their source."""

    texts: list[tuple[Any, ...]]
    """One tuple for each example, as its kind of task has it: mostly one text for each of the data's fields."""
    labels: list[Any]
    """The answer of each example: for labels their position in `Splits.labels`, else what its kind of task has."""
    source: str
    """A path, `builtin:NAME:SPLIT` or `hub-id:config:split`."""
    digest: str
    """SHA-256 of the texts and answers held here."""
    groups: list[Any] | None = None
    """What the examples of one question share, where the data names such a column."""

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.texts)

    def pick(self, rows: Sequence[int]) -> Split:
        """Some of the examples, in the order given."""
        texts, labels = [self.texts[row] for row in rows], [self.labels[row] for row in rows]
        groups = None if self.groups is None else [self.groups[row] for row in rows]
        return replace(self, texts=texts, labels=labels, groups=groups, digest=value_hash([texts, labels]))


def unlabelled(texts: Sequence[tuple[Any, ...]]) -> Split:
    """Examples without answers, as people give them; the answers are None."""
    return Split(list(texts), [None] * len(texts), "given", "")


@dataclass(frozen=True)
class Splits:
    """One data set of a task."""

    train: Split
    dev: Split
    test: Split | None
    labels: list[str]
    """Label names in the order of the head's outputs; empty for tasks without labels."""

    def draw(self, data: Data, seed: int, number: int) -> Splits:
        """Few-shot draw `number`: as many examples as `data.shots` for training and for dev; whole without shots.

        Examples come from the training and the dev split together, without replacement, from a permutation that
        (seed, number) alone decide (FewNLU's multi-split protocol, Zheng et al. 2022).

        Raises:
            SpecError: there are too few examples.
        """
        assert number < data.splits, "a trial's split is judged by `ptune.spec.protocol.split_law`"
        if data.shots is None:
            return self
        pool = _joined(self.train, self.dev)
        if len(pool) < 2 * data.shots:
            raise SpecError(f"task.data.shots <= {len(pool) // 2} must hold for {len(pool)} examples, got {data.shots}")
        order = np.random.default_rng([_SHOTS, seed, number]).permutation(len(pool)).tolist()
        return replace(self, train=pool.pick(order[: data.shots]), dev=pool.pick(order[data.shots : 2 * data.shots]))


def load_splits(data: Data, seed: int) -> Splits:
    """Load and check every split that a data set names.

    `limit_train` keeps the first k of a permutation of the training split drawn from `seed` alone, in the source's
    order: a smaller limit is a subset of a larger one. `limit_dev` and `limit_test` keep the first examples. Labels
    are found, and checked, before limits apply.

    Raises:
        DataError: a source cannot be read, or what it holds is no data of this kind; one line for each problem.
    """
    kind = _kind(data)
    read = _read_all(data, kind)
    labels = kind.label_order(_deciding(read, data), data)
    numbered: dict[str, list[Any]] = {}
    problems: list[str] = []
    for name, split in read.items():
        try:
            numbered[name] = kind.number(split, labels)
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    splits = {
        name: _split(read[name], numbered[name]).pick(_kept(data, seed, name)(len(numbered[name]))) for name in read
    }
    return Splits(splits["train"], splits["dev"], splits.get("test"), labels)


def _kind(data: Data) -> Any:
    """The module that knows what an example of this kind of data is: `extract`, `label_order` and `number`."""
    match data:
        case ClassificationData():
            return columns
        case TokensData():
            return tagged
        case SpanData():
            return questions
        case GenerationData():
            return targets
        case ClozeData():
            return facts
        case ChoiceData():
            return candidates
        case _:
            assert_never(data)


def _deciding(read: dict[str, Columns], data: Data) -> Columns:
    """The columns that decide the labels: the training split's; where labels are words to rank, those of all splits."""
    if not data.word_labels:
        return read["train"]
    return replace(read["train"], labels=[word for columns in read.values() for word in columns.labels])


def _read_all(data: Data, kind: Any) -> dict[str, Columns]:
    """The columns of every split that the data set names, by the split's role."""
    columns = kind.columns_read(data)
    read = _reader(data, needed(data, columns))
    names = {"train": data.train, "dev": data.dev, "test": data.test}
    columns_of: dict[str, Columns] = {}
    problems: list[str] = []
    for role, name in names.items():
        if name is None:
            continue
        try:
            table, source = read(name)
            table = explode(table, source, data.explode) if data.explode is not None else table
            columns_of[role] = kind.extract(prepared(table, source, data, columns), source, data)
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    return columns_of


def _reader(data: Data, columns: Collection[str]) -> Callable[[str], tuple[Dataset, str]]:
    """How this job's splits are read: a function from a split's name to its table and the name of its source."""
    source, config, words = data.source, data.config, data.tagged
    if source is None:
        return lambda name: (_part(read_file(Path(file_of(name)), columns, tagged=words), name), name)
    if source.startswith(PREFIX):
        return lambda name: (_part(read_file(split_file(source, file_of(name)), columns), name), f"{source}:{name}")
    tables = read_hub(source, config)
    return lambda name: (pick_split(tables, source, config, name), ":".join(filter(None, (source, config, name))))


def _part(table: Dataset, name: str) -> Dataset:
    """The rows that a slice behind a file's name takes: `[:80%]`, `[80%:]`, `[100:200]`.

    Raises:
        DataError: the slice is not one, or takes no row.
    """
    part = name[len(file_of(name)) :]
    if not part:
        return table
    edges = re.fullmatch(r"\[(?P<start>\d+%?)?:(?P<end>\d+%?)?\]", part)
    if edges is None:
        raise DataError(f"{name}: write a part of a file as [:80%], [80%:] or [100:200], got {part}")
    start, end = (_edge(edges[key], len(table)) for key in ("start", "end"))
    rows = range(len(table))[start:end]
    if not rows:
        raise DataError(f"{name}: holds no examples: the file has {len(table)} rows")
    return table.select(rows)


def _edge(text: str | None, rows: int) -> int | None:
    if text is None:
        return None
    return rows * int(text[:-1]) // 100 if text.endswith("%") else int(text)


def _kept(data: Data, seed: int, role: str) -> Callable[[int], list[int]]:
    """Which examples of a split of n are used."""
    if role == "train" and data.limit_train is not None:
        limit = data.limit_train
        return lambda n: sorted(np.random.default_rng([_DRAW, seed]).permutation(n)[:limit].tolist())
    first = {"train": None, "dev": data.limit_dev, "test": data.limit_test}[role]
    return lambda n: list(range(n))[:first]


def _split(read: Columns, answers: list[Any]) -> Split:
    """A whole split; its digest is that of the rows that are picked from it."""
    return Split(read.texts, answers, read.source, "", read.groups)


def _joined(train: Split, dev: Split) -> Split:
    groups = None if train.groups is None or dev.groups is None else [*train.groups, *dev.groups]
    texts, labels = [*train.texts, *dev.texts], [*train.labels, *dev.labels]
    return Split(texts, labels, f"{train.source} and {dev.source}", value_hash([texts, labels]), groups)
