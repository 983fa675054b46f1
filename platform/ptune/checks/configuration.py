"""What a space lets a trial be on a backbone, so that no search starts whose trials fail one after another.

Every combination of what decides a prompt's input, and of what decides its layers, is tried against the laws of one
configuration, ranges by their ends. A value, or a template with a length, that fits in none of them is a problem.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice

from ptune.backbone.profile import Profile
from ptune.backbone.tokenizer import Unloaded
from ptune.checks.positions import position_problems
from ptune.errors import BackboneError, DataError, SpecError
from ptune.prompts.layout import bind
from ptune.spec.budget import Budget
from ptune.spec.grid import combinations, needs_layers
from ptune.spec.layout import input_parts, input_problems
from ptune.spec.parameter import Parameter
from ptune.spec.problem import Place, Problem
from ptune.spec.prompt import PromptSpec, fills_input, input_length, input_template, layer_problems, shift_problems
from ptune.spec.protocol import grid_problems
from ptune.spec.space import Space
from ptune.spec.task import Task
from ptune.spec.template import Anchor, Mask, Part, PromptRun
from ptune.spec.trial import Config, Scalar, TrialSpec

_INPUT = ("method", "template", "length", "head")
_LAYERS = ("method", "depth", "layers", "lengths", "length", "positions")
_TOGETHER: Place = ("space", "parameters")
_FRAME = 8  # at least as many special tokens as any tokenizer puts around two segments
_MOST = 5_000  # combinations; a space of more is not looked at, because a part of them proves nothing

Law = Callable[[TrialSpec], list[Problem]]
"""What keeps a trial from being trained; a place names the parameters that it is about, the likeliest first."""


def space_problems(
    space: Space, task: Task | None, budget: Budget | None, profile: Profile, dropped: Collection[str] = ()
) -> list[Problem]:
    """What keeps a space from being searched on a backbone.

    Args:
        space: the space.
        task: the task; without one, inputs are not judged.
        budget: the budget; without one, the size of a grid is not judged.
        profile: the backbone.
        dropped: parameters that the space would state if they were valid.
    """
    problems = [problem.within("space") for problem in space.problems_on(profile.layers)]
    if any(problem.place[1] == "parameters" for problem in problems):  # a range is empty, so nothing can be tried
        return problems if task is None else [*problems, *unfit_inputs(space, task, profile, dropped)]
    resolved = space.on_layers(profile.layers)
    if budget is not None and needs_layers(space) and not dropped:
        problems += grid_problems(resolved, budget, profile.layers)
    if task is not None:
        known = resolved if set(_LAYERS).isdisjoint(dropped) else None
        problems += [*position_problems(task, known, profile), *unfit_inputs(resolved, task, profile, dropped)]
    return list(dict.fromkeys([*problems, *_unfit_layers(resolved, profile, dropped)]))


def unfit_inputs(
    space: Space, task: Task, profile: Profile | None = None, dropped: Collection[str] = ()
) -> list[Problem]:
    """Values of a space whose prompts stand in no input.

    Args:
        space: the space.
        task: the task.
        profile: the backbone; without one, what needs its tokenizer is not judged.
        dropped: parameters that the space would state if they were valid.
    """

    @cache
    def of_prompt(prompt: PromptSpec, language: bool) -> list[Problem]:
        problems = input_problems(prompt, task, masked=language)
        return problems or ([] if profile is None else _unbound(prompt, task, profile, language=language))

    def law(spec: TrialSpec) -> list[Problem]:
        return of_prompt(spec.prompt, (spec.head or task.default_head) == "verbalizer")

    return _impossible(space, _INPUT, law, dropped)


def _unfit_layers(space: Space, profile: Profile, dropped: Collection[str]) -> list[Problem]:
    """Values of a resolved space whose prompts stand in no layers of the backbone."""

    def law(spec: TrialSpec) -> list[Problem]:
        shift = shift_problems(spec.prompt, shifts=profile.family.shifts)
        return [*layer_problems(spec.prompt, profile.layers), *shift]

    return _impossible(space, _LAYERS, law, dropped)


def _impossible(space: Space, names: Sequence[str], law: Law, dropped: Collection[str]) -> list[Problem]:
    """For each value that fits in no combination of some parameters: the problems of one with the fewest.

    A problem that is also about a dropped parameter is none: with its value, there might be no problem.
    """
    deciding = space.reach().deciding(names)
    ordered = [(name, definition) for name, definition in space.ordered() if name in deciding]
    tried = [] if space.listed else list(islice(combinations(ordered, _ends), _MOST + 1))
    if len(tried) > _MOST:
        return []
    fewest: dict[Hashable, list[Problem]] = {}
    for chosen in tried:
        config = {name: value for name, value in chosen.items() if name in names and value is not None}
        problems = [problem for problem in _broken(config, law) if set(problem.place).isdisjoint(dropped)]
        for key in _values_of(config, names):
            best = fewest.get(key)
            if best is None or len(problems) < len(best):
                fewest[key] = [_at(problem, space, chosen) for problem in problems]
    return _told_once(problem for problems in fewest.values() for problem in problems)


def _told_once(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once; a law of several parameters once, whatever their values."""
    laws = {
        (problem.place, problem.text.partition(", got")[0] if problem.place == _TOGETHER else problem.text): problem
        for problem in reversed(list(problems))
    }
    return list(reversed(laws.values()))


def _broken(config: Config, law: Law) -> list[Problem]:
    """What a configuration breaks; if it breaks laws of its own, also what each of its values breaks by itself."""
    spec, problems = TrialSpec.read(config)
    if spec is not None:
        return law(spec)
    method = {name: value for name, value in config.items() if name == "method"}
    for name, value in config.items():
        alone, _ = TrialSpec.read({**method, name: value})
        problems += [] if alone is None else [problem for problem in law(alone) if problem.place == (name,)]
    return problems


def _values_of(config: Config, names: Sequence[str]) -> Iterator[Hashable]:
    """The values of a configuration, each of which should fit somewhere, and a template with its length."""
    yield from config.items()
    if names == _INPUT and "method" in config and fills_input(str(config["method"])):
        yield config["method"], config.get("template"), config.get("length")


def _at(problem: Problem, space: Space, chosen: Config) -> Problem:
    """A problem of a configuration where the space states the first value of those that it is about."""
    for name in map(str, problem.place):
        place = _place_of(space, chosen, name)
        if place is not None:
            return Problem(place, problem.text, problem.error)
    return Problem(_TOGETHER, problem.text, problem.error)


def _place_of(space: Space, chosen: Config, name: str) -> Place | None:
    """Where a space states the value that a configuration has for a parameter; None if it does not."""
    for index, definition in enumerate(space.parameters.get(name, [])):
        if definition.applies(chosen):
            keys = (key for key, value in definition.stated() if value == chosen.get(name))
            key = next(keys, None)
            return ("space", "parameters", name, index, *([] if key is None else [key]))
    return None


def _ends(definition: Parameter) -> Sequence[Scalar | None]:
    """What a definition may choose, and the ends of a range that are known."""
    ends = [end for end in (definition.low, definition.high) if end is not None and end != "layers"]
    return definition.possible() or list(dict.fromkeys(ends))


def _unbound(prompt: PromptSpec, task: Task, profile: Profile, *, language: bool) -> list[Problem]:
    """What keeps a prompt from standing in an input of every data set under the backbone's tokenizer."""
    template = input_template(prompt)
    if template is None:
        return []
    for data in task.sets:
        try:
            parts = input_parts(prompt, data.fields, data.template, masked=language)
            if _most_taken(parts) + len(data.fields) > data.max_length and (reading := _reading(profile)) is not None:
                bind(parts, reading, data.fields, data.max_length)
        except SpecError:  # the data's own template is broken, which is told of the data
            continue
        except DataError as error:
            names = ("length", "template") if input_length(prompt) else ("template",)
            return [Problem(names, f"template {template!r}: {error}")]
    return []


def _most_taken(parts: Sequence[Part]) -> int:
    """An upper bound of the tokens that all but the texts take: only longer prompts need a tokenizer, which is slow."""
    words = sum(2 * len(part.text.encode()) for part in parts if isinstance(part, Anchor))
    prompts = sum(part.count or 0 for part in parts if isinstance(part, PromptRun))
    return words + prompts + sum(isinstance(part, Mask) for part in parts) + _FRAME


def _reading(profile: Profile) -> Unloaded | None:
    """The backbone's tokenizer, if it is here."""
    try:
        return profile.reading
    except BackboneError:
        return None
