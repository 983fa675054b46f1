"""The laws about how a task's loss is changed: smoothed labels need classes."""

from __future__ import annotations

from ptune.spec.problem import Problem
from ptune.spec.space import Space
from ptune.spec.task import Task
from ptune.spec.trial import Scalar


def smoothing_law(smoothing: Scalar, task: Task) -> str | None:
    """The law that smoothed labels break in a task that chooses among no classes; None if it does, or if it is 0."""
    if not smoothing or task.smooths:
        return None
    return f"label_smoothing needs a loss over classes, and this {task.kind} task has none, got {smoothing!r}"


def smoothing_problems(space: Space, task: Task) -> list[Problem]:
    """Smoothed labels in the space of a task without classes."""
    return [
        Problem(("space", "parameters", "label_smoothing", index, key), law)
        for index, definition in enumerate(space.parameters.get("label_smoothing", []))
        for key, value in definition.stated()
        if (law := smoothing_law(value, task)) is not None
    ]
