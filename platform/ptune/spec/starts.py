"""The law about what prompts start from: a prompt that starts from the task's words needs a task that has some."""

from __future__ import annotations

from ptune.spec.problem import Problem
from ptune.spec.prompt import PromptSpec, starts_from_task
from ptune.spec.space import Space
from ptune.spec.task import Task

_LAW = """init = "text" starts from the task's description or its labels, and this task has neither: state \
task.description, or write "text: some words\""""


def start_law(prompt: PromptSpec, task: Task) -> str | None:
    """The law that a prompt's start breaks; None if it breaks none."""
    return _LAW if starts_from_task(prompt) and _wordless(task) else None


def start_problems(space: Space, task: Task) -> list[Problem]:
    """The starts of a space that a task has no words for."""
    return [
        Problem(("space", "parameters", "init", index, key), _LAW)
        for index, definition in enumerate(space.parameters.get("init", []))
        for key, value in definition.stated()
        if value == "text" and _wordless(task)
    ]


def _wordless(task: Task) -> bool:
    return task.description is None and not task.labelled
