"""What a task that reads words asks of a backbone: a language head, and words that are tokens of its vocabulary.

Looks at the backbone's config, tokenizer and weight names alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ptune.backbone.profile import Profile
from ptune.data.sources import Splits
from ptune.errors import BackboneError, DataError, SpecError
from ptune.spec.data import Data
from ptune.spec.layout import space_templates
from ptune.spec.problem import Problem
from ptune.spec.prompt import PromptSpec, prompt_of
from ptune.spec.space import Space
from ptune.spec.task import Task
from ptune.spec.template import PromptRun, parse


def language_head_problems(task: Task, profile: Profile) -> list[Problem]:
    """That a task reads words and the checkpoint has no head that names them."""
    try:
        lacks_head = task.language and profile.language_head is False
    except BackboneError as error:
        return [Problem(("backbone", "id"), str(error), BackboneError)]
    law = f"{profile.id} has no language-modelling head, and the task reads words; name a checkpoint with one"
    return [Problem(("backbone", "id"), law, BackboneError)] if lacks_head else []


def word_problems(task: Task, space: Space, splits: Sequence[Splits], profile: Profile) -> list[Problem]:
    """What keeps a task's words from standing in each of the job's templates; a task that reads none has no problem.

    Args:
        task: the task.
        space: the search space.
        splits: the task's data sets, in order.
        profile: the backbone; one without a tokenizer is a problem.
    """
    if not task.language or profile.language_head is False:
        return []
    try:
        _ = profile.reading
    except BackboneError as error:
        return [Problem(("backbone", "id"), str(error), BackboneError)]
    named = len(set(task.set_places)) < len(task.sets)
    problems = [
        Problem(place, f"{name}: {law}" if named else law)
        for place, name, data, split in zip(task.set_places, task.set_names, task.sets, splits, strict=True)
        for law in _broken(task, data, split.labels, space, profile)
    ]
    return list(dict.fromkeys(problems))


def _broken(task: Task, data: Data, labels: list[str], space: Space, profile: Profile) -> Iterator[str]:
    """The laws that a data set's words break; asks the task's kind itself."""
    from ptune.tasks.build import build_kind, lay_out  # imported here because tasks import torch

    kind = build_kind(task, data, labels, "verbalizer")
    for prompt in _prompts(data, space):
        try:
            kind.head_spec(lay_out(prompt, data, profile.reading, language=True))
        except (SpecError, DataError) as error:
            yield from str(error).splitlines()


def _prompts(data: Data, space: Space) -> Iterator[PromptSpec]:
    """A prompt for each template of a job that lays out the data: the data's own, and those that the space states."""
    template = data.template
    if not data.masked or (template is not None and "[MASK]" in template and not _runs(template, data)):
        yield prompt_of(None)
    for chosen in space_templates(space):
        runs = _runs(chosen, data)
        if runs is not None:
            yield prompt_of(chosen, sum(run.count or 1 for run in runs))


def _runs(template: str, data: Data) -> list[PromptRun] | None:
    """The runs of a template; None if it does not lay out the data, of which `ptune.spec.layout` says why."""
    try:
        parts = parse(template, data.fields, data.template)
    except ValueError:
        return None
    return [part for part in parts if isinstance(part, PromptRun)]
