"""The laws about what prompts start from: the words of a task that has some, or another prompt of the same shape."""

from __future__ import annotations

from ptune.spec.problem import Problem
from ptune.spec.prompt import PromptSpec, starts_from_task
from ptune.spec.space import Space
from ptune.spec.task import Task
from ptune.spec.trial import Config

SHAPE = ("method", "length", "depth", "side", "layers", "lengths", "positions", "template")
"""Parameters in which a prompt agrees with one that it starts from."""
_LAW = """init = "text" starts from the task's description or its labels, and this task has neither: state \
task.description, or write "text: some words\""""


def start_law(prompt: PromptSpec, task: Task) -> str | None:
    """The law that a prompt's start breaks; None if it breaks none."""
    return _LAW if starts_from_task(prompt) and _wordless(task) else None


def warm_law(parent: Config, config: Config) -> str | None:
    """What keeps a trial from starting with what another one has learned; None if nothing does.

    Args:
        parent: the complete configuration of the trial that has learned.
        config: that of the trial which starts.
    """
    for name in (*SHAPE, "head"):
        if parent.get(name) != config.get(name):
            return f"a warm start needs the same {name}, {parent.get(name)!r}, got {config.get(name)!r}"
    if config.get("encoder", "embedding") != "embedding":
        return f"a warm start needs encoder = 'embedding', got {config['encoder']!r}, which is more than its vectors"
    if parent.get("backbone_lr") is not None and config.get("backbone_lr") is None:
        return "a warm start from a trial with a tuned backbone needs a backbone_lr"
    return None


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
