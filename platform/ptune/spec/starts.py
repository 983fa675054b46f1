"""The laws about what prompts start from: the words of a task, another prompt of the same shape, or a smaller one."""

from __future__ import annotations

from ptune.spec.layout import input_parts
from ptune.spec.problem import Problem
from ptune.spec.prompt import (
    PROMPTLESS,
    PromptSpec,
    as_prefix,
    input_length,
    lengths_by_layer,
    starts_from_task,
)
from ptune.spec.space import Space
from ptune.spec.task import Task
from ptune.spec.template import PromptRun
from ptune.spec.trial import Config, TrialSpec

SHAPE = ("method", "length", "depth", "side", "layers", "lengths", "positions", "template")
"""Parameters in which a prompt agrees with one that it starts from."""
_KEPT = ("method", "head", "template", "positions", "frozen", "split", "repeat")
"""Parameters in which a trial agrees with one that it inherits from. Another `split` may have trained on its dev
examples, and a `repeat` is to be evidence of its own."""
OF_PROMPT = tuple(dict.fromkeys([*SHAPE, *_KEPT, "init", "encoder", "hidden"]))
"""Parameters that make up a prompt, or say where it comes from. A trial that takes it up with other values keeps these.
Its shape could only grow, so that by chance alone prompts would become longer and longer."""
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


def fits_into(parent: Config, config: Config, task: Task, layers: int) -> bool:
    """Whether the prompt that one trial has trained may be the beginning of another's.

    It has the same method, and is as long and as deep or less. With several runs in its template, it is as long, since
    tokens would change their run. The other one is a plain table, not what a network computes.

    Args:
        parent: the complete configuration of the trial that has trained.
        config: that of the trial which begins.
        task: their task.
        layers: the backbone's layers.
    """
    differ = any(parent.get(name) != config.get(name) for name in _KEPT)
    if differ or config.get("method") in PROMPTLESS or config.get("encoder", "embedding") != "embedding":
        return False
    if parent.get("backbone_lr") is not None or (config.get("frozen") and parent.get("init") != config.get("init")):
        return False
    smaller, larger = TrialSpec.from_config(parent).prompt, TrialSpec.from_config(config).prompt
    before, after = as_prefix(smaller), as_prefix(larger)
    if before is not None and after is not None:
        lengths = lengths_by_layer(after, layers)
        return all(length <= lengths.get(layer, 0) for layer, length in lengths_by_layer(before, layers).items())
    missing = input_length(larger) - input_length(smaller)
    return missing == 0 or (missing > 0 and _has_one_run(larger, task))


def start_problems(space: Space, task: Task) -> list[Problem]:
    """The starts of a space that a task has no words for."""
    return [
        Problem(("space", "parameters", "init", index, key), _LAW)
        for index, definition in enumerate(space.parameters.get("init", []))
        for key, value in definition.stated()
        if value == "text" and _wordless(task)
    ]


def _has_one_run(prompt: PromptSpec, task: Task) -> bool:
    """Whether all tokens of a prompt stand together, in every data set."""
    laid_out = (input_parts(prompt, data.fields, data.template, masked=False) for data in task.sets)
    return all(sum(isinstance(part, PromptRun) for part in parts) == 1 for parts in laid_out)


def _wordless(task: Task) -> bool:
    return task.description is None and not task.labelled
