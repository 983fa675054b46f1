"""From a task's spec to its kinds: the only place that maps what a user writes to classes."""

from __future__ import annotations

from collections.abc import Sequence

from ptune.data.templates import Layout
from ptune.errors import SpecError
from ptune.prompts.layout import Reading, bind, input_parts
from ptune.spec.data import ClassificationData, Data, GenerationData, Head
from ptune.spec.prompt import PromptSpec
from ptune.spec.task import Classification, Generation, Task
from ptune.tasks.classification import ClassificationKind
from ptune.tasks.generation import GenerationKind
from ptune.tasks.joint import JointTask
from ptune.tasks.kind import Kind


def build_task(task: Task, labels: Sequence[Sequence[str]], head: Head | None = None) -> JointTask:
    """The kinds of a task's data sets, each with its labels, under one head; None is the task's own."""
    chosen = head or task.default_head
    kinds = [build_kind(task, data, list(names), chosen) for data, names in zip(task.sets, labels, strict=True)]
    return JointTask(kinds, task.set_names)


def lay_out(prompt: PromptSpec, data: Data, backbone: Reading, *, language: bool) -> Layout:
    """A data set's input under a prompt, bound to a backbone; `language` keeps the places of words.

    Raises:
        SpecError: the prompt's template or length does not fit.
        DataError: the prompt leaves no room for text.
    """
    parts = input_parts(prompt, data.fields, data.template, masked=language)
    return bind(parts, backbone, data.fields, data.max_length)


def build_kind(task: Task, data: Data, labels: list[str], head: Head) -> Kind:
    """The kind of one data set of a task."""
    match task, data:
        case Classification(), ClassificationData():
            words = _words(data) if head == "verbalizer" else None
            return ClassificationKind(data.fields, labels, words)
        case Generation(), GenerationData():
            if head == "linear":
                raise SpecError('a generated text is read from the language head, got head = "linear"')
            return GenerationKind(data.fields, data.max_target)
        case _:
            raise NotImplementedError(task.kind)


def _words(data: ClassificationData) -> dict[str, list[str]]:
    stated = data.verbalizer or {}
    return {label: [words] if isinstance(words, str) else list(words) for label, words in stated.items()}
