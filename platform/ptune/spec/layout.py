"""The input around a prompt: its template as parts, and the laws that a template breaks for a data set.

The module knows no tokenizer: `ptune.prompts.layout` binds the parts to one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ptune.errors import SpecError
from ptune.spec.data import Data
from ptune.spec.heads import always_language
from ptune.spec.problem import Place, Problem, dotted
from ptune.spec.prompt import PromptSpec, input_length, input_template
from ptune.spec.space import Space
from ptune.spec.task import Task
from ptune.spec.template import Mask, Part, PromptRun, TextField, parse, plain, run_lengths

_MASK = "the language head reads a word's place: write [MASK] where the word goes"
_NO_RUNS = 'prompt runs ([P]) belong to method = "v1"; a discrete template holds words and fields'


def input_parts(
    prompt: PromptSpec, fields: Sequence[str], base: str | None = None, *, masked: bool = True
) -> list[Part]:
    """A prompt's template as parts, every run with its number of tokens. Without a template it is the data's own.

    Args:
        prompt: the prompt.
        fields: names of the texts, in order.
        base: the data set's own template; None is the fields in order.
        masked: whether a language head reads the input; otherwise every [MASK] is left out.

    Raises:
        SpecError: the template does not fit the fields, or the prompt's length does not fit the template.
    """
    parts = _parts(prompt, fields, base, masked=masked)
    if isinstance(parts, Problem):
        raise SpecError(parts.text)
    return parts


def input_problems(prompt: PromptSpec, task: Task, *, masked: bool = True) -> list[Problem]:
    """The laws that a prompt breaks in the input of some data set.

    A place names the parameters that the problem concerns, the likeliest first.
    """
    problems: list[Problem] = []
    for data, place in zip(task.sets, task.set_places, strict=True):
        length = input_length(prompt)
        if length >= data.max_length:
            limit = f"{dotted(place)}.max_length = {data.max_length}"
            problems.append(Problem(("length",), f"length < {limit} must hold to leave room for text, got {length}"))
        if data.template is not None and _misfit(data.template, data, masked=False) is not None:
            continue  # a problem of the data, reported there once
        parts = _parts(prompt, data.fields, data.template, masked=masked)
        if isinstance(parts, Problem):
            problems.append(parts)
        elif (law := _undivided(parts, data)) is not None:
            problems.append(Problem(("template",), f"template {input_template(prompt) or data.template!r}: {law}"))
    return list(dict.fromkeys(problems))


def template_problems(task: Task, space: Space | None, dropped: Collection[str] = ()) -> list[Problem]:
    """The templates of a job, of its data and of its space, that do not lay out the data.

    Args:
        task: the task.
        space: the search space; without it only the data's templates are judged, and none has to hold a [MASK].
        dropped: parameters that the space would state if they were valid.
    """
    masked = space is not None and "head" not in dropped and always_language(space, task)
    in_space = {} if space is None else space_templates(space)
    templates = [
        *_data_templates(task),
        *((place, template, data) for template, place in in_space.items() for data in task.sets),
    ]
    problems = [
        Problem(place, f"template {template!r}: {law}")
        for place, template, data in templates
        if (law := _misfit(template, data, masked=masked and data.masked)) is not None
    ]
    if masked and not templates and "template" not in dropped and any(data.masked for data in task.sets):
        problems.append(Problem(("task", "data", "template"), f"required, and missing: {_MASK}"))
    return list(dict.fromkeys(problems))


def _parts(prompt: PromptSpec, fields: Sequence[str], base: str | None, *, masked: bool) -> list[Part] | Problem:
    template = input_template(prompt) or base
    try:
        parts = parse(template, list(fields), base) if template is not None else plain(fields)
    except ValueError as error:
        return Problem(("template",), f"template {template!r}: {error}")
    parts = parts if masked else [part for part in parts if not isinstance(part, Mask)]
    if not input_length(prompt):
        has_runs = any(isinstance(part, PromptRun) for part in parts)
        return Problem(("template",), f"template {template!r}: {_NO_RUNS}") if has_runs else parts
    try:
        counts = iter(run_lengths(parts, input_length(prompt)))
    except ValueError as error:
        return Problem(("length", "template"), f"template {template!r}: {error}")
    return [PromptRun(next(counts)) if isinstance(part, PromptRun) else part for part in parts]


def _data_templates(task: Task) -> Iterator[tuple[Place, str, Data]]:
    """The templates of the data, each with its place and the data set it lays out."""
    for data, place in zip(task.sets, task.template_places, strict=True):
        if data.template is not None:
            yield place, data.template, data


def space_templates(space: Space) -> dict[str, Place]:
    """The templates that a space states, each with its first place in a job."""
    places: dict[str, Place] = {}
    for index, definition in enumerate(space.parameters.get("template", [])):
        for key, value in definition.stated():
            places.setdefault(str(value), ("space", "parameters", "template", index, key))
    for number, point in enumerate(space.baseline):
        if point.get("template") is not None:
            places.setdefault(str(point["template"]), ("space", "baseline", number, "template"))
    return places


def _misfit(template: str, data: Data, *, masked: bool) -> str | None:
    """The reason why a template does not lay out a data set; a `masked` one must hold a [MASK]."""
    try:
        parts = parse(template, data.fields, data.template)
    except ValueError as error:
        return str(error)
    if masked and not any(isinstance(part, Mask) for part in parts):
        return _MASK
    return _undivided(parts, data)


def _undivided(parts: Sequence[Part], data: Data) -> str | None:
    """The law that a divided text breaks in a data set whose texts stay whole; None if there is none."""
    divided = [part for part in parts if isinstance(part, TextField) and part.stretch is not None]
    if not divided or not data.whole_texts:
        return None
    return (
        f"{{{divided[0].name}{divided[0].stretch}}} divides a text, and {data.whole_texts}: write {{{divided[0].name}}}"
    )
