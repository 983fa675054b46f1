"""What a job makes of its data, split by split: rows, answers, lengths in tokens, and an input as the model sees it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ptune.backbone.plain_tokenizer import PlainTokenizer
from ptune.backbone.profile import Profile
from ptune.backbone.tokenizer import Unloaded
from ptune.data.class_weights import class_weights
from ptune.data.shown import answer_text, answers, extent, in_masks, in_windows, inputs
from ptune.data.sources import Split, Splits
from ptune.data.templates import Layout
from ptune.data.values import Extent
from ptune.errors import BackboneError, PtuneError
from ptune.prompts.layout import bind
from ptune.spec.data import Data
from ptune.spec.job import Job
from ptune.spec.layout import input_parts
from ptune.spec.trial import Scalar, TrialSpec, parameter_names

_MEASURED = 2_000
"""Examples of a split whose tokens are counted."""


@dataclass(frozen=True)
class Lengths:
    """Inputs in tokens, everything that a prompt adds included.

    Attributes:
        shortest: tokens of the shortest input.
        median: of the median one.
        longest: of the longest one, before it is shortened.
        over: inputs that are longer than the data's `max_length`.
        of: inputs that were measured.
    """

    shortest: int
    median: int
    longest: int
    over: int
    of: int


@dataclass(frozen=True)
class UnderstoodSplit:
    """One split.

    Attributes:
        role: train, dev or test; of each fold, such as `fold 0`, its dev examples.
        rows: its examples.
        answers: how often each answer stands there, in the order of labels; empty where answers are no labels.
        numbers: the answers where they are numbers; None where they are not.
        lengths: its inputs in tokens; None without the backbone.
    """

    role: str
    rows: int
    answers: list[tuple[str, int]]
    numbers: Extent | None
    lengths: Lengths | None


@dataclass(frozen=True)
class Understood:
    """One data set.

    Attributes:
        name: what reports call it.
        columns: what is read from which column.
        max_length: the longest input in tokens.
        windows: whether longer inputs are cut into windows, and not shortened.
        splits: its splits.
        weights: how much each label counts in training; empty where all count alike.
        example: the first training input as the model sees it; None without the backbone.
        answer: its answer.
    """

    name: str
    columns: str
    max_length: int
    windows: bool
    splits: list[UnderstoodSplit]
    weights: dict[str, float]
    example: str | None
    answer: str


def understood(job: Job, splits: Sequence[Splits], profile: Profile | None) -> list[Understood]:
    """What a job makes of its data sets.

    Args:
        job: a job without a problem.
        splits: its data sets, in order.
        profile: its backbone; without it, nothing is said of tokens.
    """
    reading = None if profile is None else _reading(profile)
    named = zip(job.task.set_names, job.task.sets, splits, strict=True)
    return [
        _of_set(name, data, own, job.drawing_seed, _layout(job, data, reading), reading) for name, data, own in named
    ]


def _reading(profile: Profile) -> Unloaded | None:
    """A tokenizer for looking: from its own file where there is one, because transformers takes seconds."""
    try:
        return Unloaded(PlainTokenizer(profile.folder), profile.family)
    except (BackboneError, ValueError, OSError):  # it has its words in other files
        pass
    try:
        return profile.reading
    except BackboneError:
        return None


def _layout(job: Job, data: Data, reading: Unloaded | None) -> Layout | None:
    """The input of a data set under the first prompt of a job's space that fits it."""
    if reading is None:
        return None
    methods: list[dict[str, Scalar | None]] = [{"method": method} for method in job.space.methods]
    for point in [*job.space.baseline, *methods]:
        method = str(point.get("method", job.space.methods[0]))
        config = {name: value for name, value in point.items() if name in parameter_names(method)} | {"method": method}
        spec, problems = TrialSpec.read(config)
        if spec is None or problems:
            continue
        try:
            parts = input_parts(spec.prompt, data.fields, data.template, masked=job.task.language and data.masked)
            return bind(parts, reading, data.fields, data.max_length)
        except PtuneError:
            continue
    return None


def _of_set(
    name: str, data: Data, splits: Splits, seed: int, layout: Layout | None, reading: Unloaded | None
) -> Understood:
    folds = {f"fold {number}": splits.without_fold(data, seed, number).dev for number in range(data.folds or 0)}
    dev = {} if folds else {"dev": splits.dev}
    roles = {"train": splits.train, **dev, **folds, "test": splits.test}
    first = splits.train
    example = None
    if layout is not None and reading is not None:
        example = _seen(inputs(data, first.texts[:1])[0], layout, reading, masked=in_masks(data))
    return Understood(
        name,
        _columns(data),
        data.max_length,
        in_windows(data),
        [_of_split(role, split, data, splits.labels, layout) for role, split in roles.items() if split is not None],
        class_weights(data, first, splits.labels),
        example,
        answer_text(first.labels[0], data, splits.labels),
    )


def _of_split(role: str, split: Split, data: Data, labels: Sequence[str], layout: Layout | None) -> UnderstoodSplit:
    counted, numbers = answers(split, data, labels), extent(split, data)
    return UnderstoodSplit(role, len(split), counted, numbers, _lengths(split, data, layout))


def _columns(data: Data) -> str:
    """Which columns are read as what."""
    keys = ("label_columns", "label", "tags", "answers", "target")
    answer = next(f"{key} = {_named(value)}" for key in keys if (value := getattr(data, key, None)))
    texts = f"texts = {', '.join(data.columns)}"
    return f"{texts}; {answer}"


def _named(columns: str | list[str]) -> str:
    return columns if isinstance(columns, str) else ", ".join(columns)


def _lengths(split: Split, data: Data, layout: Layout | None) -> Lengths | None:
    """The inputs of a split in tokens, as if nothing were shortened."""
    if layout is None:
        return None
    rows = inputs(data, split.texts[:_MEASURED])
    around = data.max_length - layout.room
    lengths = [around + sum(map(len, texts)) for texts in zip(*layout.columns(rows), strict=True)]
    over = sum(length > data.max_length for length in lengths)
    return Lengths(min(lengths), round(statistics.median(lengths)), max(lengths), over, len(lengths))


def _seen(texts: tuple[str, ...], layout: Layout, reading: Unloaded, *, masked: bool) -> str:
    """An input as the model sees it: its tokens as a text, with the prompt's tokens, and masks, in their places."""
    example = layout.encode(texts)
    if masked:
        *shared, candidate = (layout.tokens(field, [text])[0] for field, text in enumerate(texts))
        example = layout.assemble([*shared, [reading.tokenizer.mask_token_id] * len(candidate)])
    runs = groupby(example.ids, key=lambda token: token < 0)
    return " ".join(_run(list(tokens), reading, prompt=prompt) for prompt, tokens in runs)


def _run(tokens: list[int], reading: Unloaded, *, prompt: bool) -> str:
    if prompt:
        return "[P]" if len(tokens) == 1 else f"[P] x {len(tokens)}"
    text: str = reading.tokenizer.decode(tokens)
    return text.strip()
