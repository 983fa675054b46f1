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
from functools import cache
from pathlib import Path
from typing import Any, assert_never

import numpy as np

from ptune.data import candidates, columns, entities, facts, infills, label_sets, questions, tagged, targets, values
from ptune.data.bad_rows import BadRow, BadRowsError, left_out
from ptune.data.builtin import PREFIX, split_file
from ptune.data.columns import Columns, explode, needed, prepared
from ptune.data.folds import folds_of, groups_in
from ptune.data.limits import kept
from ptune.data.readers import Reading, pick_split, read_file, read_hub, table_of
from ptune.data.table import Table
from ptune.errors import DataError, SpecError
from ptune.files import value_hash
from ptune.spec.class_weights import weights_law
from ptune.spec.data import (
    ChoiceData,
    ClassificationData,
    ClozeData,
    Data,
    EntityData,
    GenerationData,
    InfillData,
    MultilabelData,
    RegressionData,
    SpanData,
    TokensData,
)
from ptune.spec.source import file_of

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
    notes: tuple[str, ...] = ()
    """What was assumed of the data, left out or looks doubtful, one line for each."""

    def draw(self, data: Data, seed: int, number: int) -> Splits:
        """Few-shot draw `number`: as many examples as `data.shots` for training and for dev; whole without shots.

        Examples come from the training and the dev split together, without replacement, from a permutation that
        (seed, number) alone decide (FewNLU's multi-split protocol, Zheng et al. 2022).

        Raises:
            SpecError: there are too few examples.
        """
        assert number < data.draws, "a trial's split is judged by `ptune.spec.protocol.split_law`"
        if data.folds is not None:
            return self.without_fold(data, seed, number)
        if data.shots is None:
            return self
        if (law := self.shots_law(data)) is not None:
            raise SpecError(law)
        pool = _joined(self.train, self.dev)
        order = np.random.default_rng([_SHOTS, seed, number]).permutation(len(pool)).tolist()
        return replace(self, train=pool.pick(order[: data.shots]), dev=pool.pick(order[data.shots : 2 * data.shots]))

    def without_fold(self, data: Data, seed: int, number: int) -> Splits:
        """Fold `number` of the training split as dev split, and the rest of it as training split."""
        assert data.folds is not None, "the data has folds"
        fold_of = folds_of(_keys(self.train, data), self.train.labels, data.folds, seed)
        inside = [row for row, fold in enumerate(fold_of) if fold == number]
        outside = [row for row, fold in enumerate(fold_of) if fold != number]
        return replace(self, train=self.train.pick(outside), dev=self.train.pick(inside))

    def folds_law(self, data: Data) -> str | None:
        """The law that the number of folds breaks, if too few examples can be told apart; None if there are enough."""
        groups = groups_in(_keys(self.train, data)) if data.folds is not None else 0
        if data.folds is None or data.folds <= groups:
            return None
        return (
            f"task.data.folds <= {groups} must hold for {len(self.train)} examples of {groups} texts or groups, "
            f"got {data.folds}"
        )

    def shots_law(self, data: Data) -> str | None:
        """The law that the number of shots breaks, if there are too few examples; None if there are enough."""
        examples = len(self.train) + len(self.dev)
        if data.shots is None or 2 * data.shots <= examples:
            return None
        return f"task.data.shots <= {examples // 2} must hold for {examples} examples, got {data.shots}"


def load_splits(data: Data, seed: int) -> Splits:
    """Load and check every split that a data set names.

    A limit keeps examples as `ptune.data.limits` says, in the source's order. Labels are found, and checked, before
    limits apply.

    Raises:
        DataError: a source cannot be read, or what it holds is no data of this kind; one line for each problem.
    """
    kind = kind_of(data)
    read, notes = _read_all(data, kind)
    if hasattr(kind, "notes"):
        notes += kind.notes(read["train"], data)
    labels = kind.label_order(_deciding(read, data), data)
    if (law := weights_law(getattr(data, "class_weights", None), labels)) is not None:
        raise DataError(law)
    numbered: dict[str, list[Any]] = {}
    problems: list[str] = []
    for name, split in read.items():
        try:
            read[name], numbered[name], said = _numbered(split, labels, data, kind)
            notes += said
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    splits = {name: _split(read[name], numbered[name]).pick(kept(data, seed, name, numbered[name])) for name in read}
    train = splits["train"]
    loaded = Splits(train, splits.get("dev", train), splits.get("test"), labels, tuple(dict.fromkeys(notes)))
    if (law := loaded.folds_law(data)) is not None:
        raise DataError(law)
    if data.folds is not None:
        loaded = replace(loaded, dev=loaded.without_fold(data, seed, 0).dev)
    if (law := loaded.shots_law(data)) is not None:
        raise DataError(law)
    return loaded


def kind_of(data: Data) -> Any:
    """The module that knows what an example is: `extract`, `label_order`, and `number` where answers are labels."""
    match data:
        case ClassificationData():
            return columns
        case MultilabelData():
            return label_sets
        case RegressionData():
            return values
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
        case EntityData():
            return entities
        case InfillData():
            return infills
        case _:
            assert_never(data)


def _deciding(read: dict[str, Columns], data: Data) -> Columns:
    """The columns that decide the labels: the training split's; where labels are words to rank, those of all splits."""
    if not data.word_labels:
        return read["train"]
    return replace(read["train"], labels=[word for columns in read.values() for word in columns.labels])


def _read_all(data: Data, kind: Any) -> tuple[dict[str, Columns], list[str]]:
    """The columns of every split that the data set names, by the split's role, and what is to be said of them."""
    columns = kind.columns_read(data)
    read = _reader(data, needed(data, columns))
    columns_of: dict[str, Columns] = {}
    notes: list[str] = []
    problems: list[str] = []
    for role, name in data.split_names.items():
        try:
            table, source = read(name)
            notes += table.notes
            columns_of[role], said = _extracted(prepared(table, source, data, columns), source, data, kind)
            notes += said
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(dict.fromkeys(problems)))
    return columns_of, notes


def _extracted(table: Table, source: str, data: Data, kind: Any) -> tuple[Columns, list[str]]:
    """The columns of a table's good rows, and what is said of the others, if the job leaves them out.

    What is wrong with a row may show only when others are gone, so rows are left out until none is bad.
    """
    rows, bad = len(table), list[BadRow]()
    while True:
        try:
            columns: Columns = kind.extract(table, source, data)
        except BadRowsError as error:
            if data.on_bad_row == "refuse":
                raise
            bad += [BadRow(table.number(number - 1), law) for number, law in sorted(error.rows.items())]
            table = table.select([index for index in range(len(table)) if index + 1 not in error.rows])
            if not len(table):
                raise DataError(f"{source}: holds no good row: {left_out(source, bad, rows)}") from None
            continue
        return columns, [left_out(source, sorted(bad, key=lambda row: row.number), rows)] if bad else []


def _numbered(read: Columns, labels: list[str], data: Data, kind: Any) -> tuple[Columns, list[Any], list[str]]:
    """A split with its answers as numbers, without the rows of other labels if the job leaves bad rows out."""
    try:
        return read, _answers(read, labels, kind), []
    except BadRowsError as error:
        if data.on_bad_row == "refuse" or len(error.rows) == len(read.texts):
            raise
        bad = [BadRow(number, law) for number, law in sorted(error.rows.items())]
        good = read.pick([index for index in range(len(read.texts)) if index + 1 not in error.rows])
        return good, _answers(good, labels, kind), [left_out(read.source, bad, len(read.texts))]


def _answers(read: Columns, labels: list[str], kind: Any) -> list[Any]:
    """The answers of a split as its kind numbers them; those of a kind that does not stay as they are."""
    answers: list[Any] = kind.number(read, labels) if hasattr(kind, "number") else list(read.labels)
    return answers


def _reader(data: Data, columns: Collection[str]) -> Callable[[str], tuple[Table, str]]:
    """How this job's splits are read: a function from a split's name to its table and the name of its source."""
    source, config, reading = data.source, data.config, Reading.of(data)
    if source is None:
        once = cache(lambda file: read_file(Path(file), columns, reading))  # of which splits may be parts
        return lambda name: (_rows(once(file_of(name)), name, data), name)
    if source.startswith(PREFIX):
        return lambda name: (
            _rows(read_file(split_file(source, file_of(name)), columns), name, data),
            f"{source}:{name}",
        )
    tables = read_hub(source, config)

    def of_hub(name: str) -> tuple[Table, str]:
        table, named = table_of(pick_split(tables, source, config, name), columns), (source, config, name)
        whole = ":".join(filter(None, named))
        return table if data.explode is None else explode(table, whole, data.explode), whole

    return of_hub


def _rows(table: Table, name: str, data: Data) -> Table:
    """The rows that a split's name takes of a file, one for each item where lists are exploded.

    A part is one of the file's own rows, which hold the items of one text together; or of the items themselves, if the
    whole file is a single row.
    """
    if data.explode is None:
        return _part(table, name)
    if len(table) == 1:
        return _part(explode(table, name, data.explode), name)
    return explode(_part(table, name), name, data.explode)


def _part(table: Table, name: str) -> Table:
    """The rows that a slice behind a file's name takes: `[:80%]`, `[80%:]`, `[100:200]`.

    Raises:
        DataError: the slice is not one, or takes no row.
    """
    part = name[len(file_of(name)) :]
    if not part:
        return table
    edges = re.fullmatch(r"\[(?P<start>[0-9]{1,18}%?)?:(?P<end>[0-9]{1,18}%?)?\]", part)
    if edges is None:
        raise DataError(f"{file_of(name)}: write a part of a file as [:80%], [80%:] or [100:200], got {part[:80]}")
    start, end = (_edge(edges[key], len(table)) for key in ("start", "end"))
    rows = range(len(table))[start:end]
    if not rows:
        raise DataError(f"{name}: holds no examples: the file has {len(table)} rows")
    return replace(table.select(rows), numbers=None)


def _edge(text: str | None, rows: int) -> int | None:
    if text is None:
        return None
    return rows * int(text[:-1]) // 100 if text.endswith("%") else int(text)


def _keys(split: Split, data: Data) -> list[Any]:
    """What examples share that belong into one fold: the group that the data names, a context, or the whole text."""
    if split.groups is not None:
        return split.groups
    return [texts[1] if isinstance(data, SpanData) else texts for texts in split.texts]


def _split(read: Columns, answers: list[Any]) -> Split:
    """A whole split; its digest is that of the rows that are picked from it."""
    return Split(read.texts, answers, read.source, "", read.groups)


def _joined(train: Split, dev: Split) -> Split:
    groups = None if train.groups is None or dev.groups is None else [*train.groups, *dev.groups]
    texts, labels = [*train.texts, *dev.texts], [*train.labels, *dev.labels]
    return Split(texts, labels, f"{train.source} and {dev.source}", value_hash([texts, labels]), groups)
