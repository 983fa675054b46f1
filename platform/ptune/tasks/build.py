"""From a task's spec to its kinds: the only place that maps what a user writes to classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ptune.data.questions import UNANSWERABLE
from ptune.data.templates import Layout
from ptune.errors import SpecError
from ptune.prompts.layout import Reading, bind
from ptune.spec.data import (
    CHOICE,
    ChoiceData,
    ClassificationData,
    ClozeData,
    Data,
    EntityData,
    GenerationData,
    HeadName,
    InfillData,
    MultilabelData,
    RegressionData,
    SpanData,
    TokensData,
)
from ptune.spec.heads import head_law
from ptune.spec.layout import input_parts
from ptune.spec.prompt import PromptSpec
from ptune.spec.task import (
    Choice,
    Classification,
    Cloze,
    Entity,
    Generation,
    Infill,
    Multilabel,
    Regression,
    Span,
    Task,
    Tokens,
)
from ptune.spec.template import Part, TextField
from ptune.tasks.choice import ChoiceKind
from ptune.tasks.class_loss import PLAIN, ClassLoss
from ptune.tasks.classification import ClassificationKind
from ptune.tasks.cloze import ClozeKind
from ptune.tasks.entity import EntityKind
from ptune.tasks.generation import GenerationKind
from ptune.tasks.infill import InfillKind
from ptune.tasks.joint import JointTask
from ptune.tasks.kind import TaskKind
from ptune.tasks.multilabel import MultilabelKind
from ptune.tasks.regression import RegressionKind
from ptune.tasks.span import SpanKind
from ptune.tasks.tokens import TokensKind


def build_task(
    task: Task,
    labels: Sequence[Sequence[str]],
    head: HeadName | None = None,
    *,
    losses: Sequence[ClassLoss] | None = None,
    faithful: bool = False,
    thresholds: Sequence[Sequence[float] | None] | None = None,
) -> JointTask:
    """The kinds of a task's data sets, each with its labels, under one head; None is the task's own.

    `losses` are what training minimises in each data set, and need not be stated to answer. `faithful` trains as the
    papers' code does where that is known to be wrong. `thresholds` are those of each data set, where a split has
    decided them.
    """
    chosen, plain = head or task.default_head, [None] * len(task.sets)
    losses = [PLAIN] * len(task.sets) if losses is None else losses
    kinds = [
        build_kind(task, data, list(names), chosen, loss, faithful=faithful, thresholds=least)
        for data, names, loss, least in zip(task.sets, labels, losses, thresholds or plain, strict=True)
    ]
    return JointTask(kinds, task.set_names)


def lay_out(prompt: PromptSpec, data: Data, backbone: Reading, *, language: bool) -> Layout:
    """A data set's input under a prompt, bound to a backbone; `language` keeps the places of words.

    Raises:
        SpecError: the prompt's template or length does not fit.
        DataError: the prompt leaves no room for text.
    """
    if language and backbone.family.reads == "decoder" and not isinstance(data, GenerationData):
        raise SpecError(
            "words are read from masked and from causal language models; an encoder-decoder writes texts, which is "
            'kind = "generation"'
        )
    parts = input_parts(prompt, data.fields, data.template, masked=language)
    if language and isinstance(data, ChoiceData | InfillData):
        candidate = CHOICE if isinstance(data, ChoiceData) else data.span
        parts = [_uncut(part, candidate) for part in parts]
    return bind(parts, backbone, data.fields, data.max_length)


def build_kind(
    task: Task,
    data: Data,
    labels: list[str],
    head: HeadName,
    loss: ClassLoss = PLAIN,
    *,
    faithful: bool = False,
    thresholds: Sequence[float] | None = None,
) -> TaskKind:
    """The kind of one data set of a task; `loss` is what training minimises, where the kind chooses among classes.

    Raises:
        SpecError: the task has no such head, see `ptune.spec.heads.head_law`.
    """
    if (law := head_law(head, task)) is not None:
        raise SpecError(law)
    match task, data:
        case Classification(), ClassificationData():
            words = _words(data) if head == "verbalizer" else None
            return ClassificationKind(data.fields, labels, words, loss)
        case Multilabel(), MultilabelData():
            return MultilabelKind(data.fields, labels, thresholds)
        case Regression(), RegressionData():
            return RegressionKind(data.fields)
        case Generation(), GenerationData():
            return GenerationKind(data.fields, data.max_target, loss)
        case Cloze(), ClozeData():
            return ClozeKind(data.fields, labels, faithful, loss)
        case Choice(), ChoiceData():
            return ChoiceKind(data.text, data.choices, task.loss, head == "verbalizer", loss)
        case Entity(), EntityData():
            return EntityKind(data.fields, data.entities, data.placeholder, loss)
        case Infill(), InfillData():
            return InfillKind(data.fields, loss)
        case Tokens(), TokensData():
            return TokensKind(data.fields, labels, loss)
        case Span(), SpanData():
            return SpanKind(data.fields, UNANSWERABLE in labels, data.overlap, data.max_answer, data.best)
        case _:
            raise NotImplementedError(task.kind)


def _uncut(part: Part, candidate: str) -> Part:
    """A candidate is never shortened where its own words are output."""
    return replace(part, fixed=True) if isinstance(part, TextField) and part.name == candidate else part


def _words(data: ClassificationData) -> dict[str, list[str]]:
    verbalizer = data.verbalizer or {}
    return {label: [words] if isinstance(words, str) else list(words) for label, words in verbalizer.items()}
