"""The laws about heads in a space: which heads its task has, and which parameters need a trained head."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

from ptune.errors import nearest
from ptune.spec.data import HeadName
from ptune.spec.problem import Problem
from ptune.spec.prompt import PROMPTLESS
from ptune.spec.space import Space
from ptune.spec.task import Task
from ptune.spec.trial import DEFAULT_METHOD, Scalar, defaults

_OF_A_HEAD = ("head_lr", "head_weight_decay", "head_dropout")
_OF_A_PROMPT = ("lr", "weight_decay")


def always_language(space: Space, task: Task) -> bool:
    """Whether the language head answers in every trial."""
    heads = {value for definition in space.parameters.get("head", []) for _, value in definition.stated()}
    return task.default_head == "verbalizer" and "linear" not in heads


def trained_methods(space: Space, task: Task) -> list[str]:
    """The methods of a space whose trials may train something: a prompt, a head or the backbone."""
    return [
        method
        for method in space.methods
        if method not in PROMPTLESS
        or task.default_head != "verbalizer"
        or "linear" in space.values_under(method, "head")
        or space.values_under(method, "backbone_lr") - {None}
    ]


def head_problems(space: Space, task: Task, dropped: Collection[str] = ()) -> list[Problem]:
    """Heads that the task does not have, and parameters that do nothing because the language head is not trained.

    Args:
        space: the search space.
        task: the task.
        dropped: parameters that the space would state if they were valid.
    """
    problems = _other_heads(space, task)
    if problems or "head" in dropped or space.listed or not always_language(space, task):
        return problems
    return [*_of_no_head(space), *([] if "method" in dropped else _of_no_prompt(space))]


def head_law(head: Scalar, task: Task) -> str | None:
    """The law that a head breaks which trials of a task cannot have; None if they can, or there is no such head."""
    if head not in get_args(HeadName) or head in task.heads:
        return None
    hint = f"; {task.other_head}" if task.other_head else nearest(str(head), task.heads)
    return f"the head of this {task.kind} task is {' or '.join(map(repr, task.heads))}, got {head!r}{hint}"


def _other_heads(space: Space, task: Task) -> list[Problem]:
    """Heads that no trial of the task can have."""
    return [
        Problem(("space", "parameters", "head", index, key), law)
        for index, definition in enumerate(space.parameters.get("head", []))
        for key, value in definition.stated()
        if (law := head_law(value, task)) is not None
    ]


def _of_no_head(space: Space) -> list[Problem]:
    at_rest = defaults(DEFAULT_METHOD)
    return [
        Problem(
            ("space", "parameters", name),
            f"{name} belongs to a trained head, and the language head answers in every trial: leave it out",
        )
        for name in _OF_A_HEAD
        if any(
            value != at_rest[name] for definition in space.parameters.get(name, []) for _, value in definition.stated()
        )
    ]


def _of_no_prompt(space: Space) -> list[Problem]:
    """Searched rates and decays of prompts that exist only in trials that train neither a prompt nor a head."""
    prompted = [method for method in space.methods if method not in PROMPTLESS]
    hint = f"; add `when = {{ method = {prompted} }}`".replace("'", '"') if prompted else "; leave it out"
    return [
        Problem(
            ("space", "parameters", name, index),
            f"{name} trains a prompt, and method {' or '.join(map(repr, methods))} has none{hint}",
        )
        for (name, index), methods in space.methods_met().items()
        if name in _OF_A_PROMPT
        and space.parameters[name][index].value is None
        and methods
        and all(method in PROMPTLESS for method in methods)
    ]
