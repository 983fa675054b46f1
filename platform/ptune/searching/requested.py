"""The laws of requests: what a user may ask of a search as it stands, and which configuration is meant.

`ptune trial` and `ptune extend` judge a request before it is left, and the conductor judges it again when it takes it:
the search has gone on meanwhile. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from ptune.errors import SpecError, nearest
from ptune.record.history import FINAL, History, TrialRecord
from ptune.record.requests import Add, Change, Clone, Extend, Stop
from ptune.spec.configuration import complete
from ptune.spec.problem import refuse
from ptune.spec.space import Space
from ptune.spec.starts import warm_law
from ptune.spec.trial import Config, Scalar, TrialSpec, parameter_names


def judge(change: Change, history: History) -> None:
    """Refuse what cannot be done.

    Raises:
        SpecError: the reason.
    """
    match change:
        case Add() | Clone():
            point_of(change, history)
        case Stop(trial):
            record = _trial(trial, history)
            if record.status in FINAL:
                raise SpecError(f"trial {trial} has ended already: it is {record.status}")
        case Extend(trials):
            _check_grows(trials, history)


def point_of(change: Add | Clone, history: History) -> Config:
    """The values that a requested trial is to have; the sampler proposes the others.

    Raises:
        SpecError: no such trial can be tried; the message has every problem.
    """
    if (confirms := history.header.confirms) is not None:
        raise SpecError(
            f"{history.header.name} confirms {confirms.name} and tries nothing else; add the trial to {confirms.name}"
        )
    match change:
        case Add(config):
            point: Config = _with_method(config, history)
            refuse(TrialSpec.read(point)[1])
        case Clone(trial, config):
            point = _cloned(_trial(trial, history), config)
    layers = history.header.backbone.layers
    chosen, is_whole = _filled(history.job.space.resolved(layers), point)
    given = {**point, **chosen}
    config = complete(given, history.job, layers) if is_whole else TrialSpec.of_some(given).to_config()
    if isinstance(change, Clone) and change.warm:
        _check_warm(_trial(change.trial, history), config)
    return point


def outside(config: Config, given: Sequence[str], history: History) -> list[str]:
    """In words, which values that a user has given lie outside the space.

    Args:
        config: the whole configuration.
        given: the parameters that the user has given values.
        history: the search.
    """
    space = history.job.space.on_layers(history.header.backbone.layers)
    told = []
    for name in given:
        ways = [definition for other, definition in space.ordered() if other == name and definition.applies(config)]
        if not any(definition.contains(config[name]) for definition in ways):
            told.append(f"{name} = {config[name]!r} lies outside the space")
    return told


def _trial(number: int, history: History) -> TrialRecord:
    if number not in history.trials:
        count = len(history.trials)
        known = f"its trials are 0 to {count - 1}" if count else "it has none yet"
        raise SpecError(f"{history.header.name} has no trial {number}; {known}")
    return history.trials[number]


def _check_grows(trials: int, history: History) -> None:
    name, confirms = history.header.name, history.header.confirms
    if trials < 1:
        raise SpecError(f"a search is extended by 1 trial or more, got {trials}")
    if history.limit is not None:
        raise SpecError(
            f"{name} begins no more trials, since {history.limit.reason} (budget.{history.limit.limit}); "
            f"add single ones with `ptune trial add {name}`"
        )
    if history.planned is None:
        raise SpecError(f"{name} has no number of trials to extend: its budget states none")
    if confirms is not None:
        raise SpecError(
            f"{name} confirms {confirms.name}, and has a trial for each of its seeds; "
            f"confirm again with more: ptune confirm {confirms.name} --seeds {confirms.seeds + 1}"
        )
    if history.job.budget.sampler == "grid":
        raise SpecError(f"{name} searches a grid, which has no more trials; add others with `ptune trial add {name}`")


def _check_warm(parent: TrialRecord, config: Config) -> None:
    if not parent.reports:
        raise SpecError(f"trial {parent.number} has not finished an epoch, so nothing can start from it")
    if (law := warm_law(parent.config, config)) is not None:
        raise SpecError(law)


def _with_method(config: Config, history: History) -> dict[str, Scalar | None]:
    """What a user states of a configuration, with the method where no other one has these parameters."""
    stated = dict(config)
    methods = history.job.space.methods
    known = parameter_names()
    strange = [f"{name} is not a parameter{nearest(name, known)}" for name in stated if name not in known]
    if strange:
        raise SpecError("; ".join(strange))
    if "method" in stated or len(methods) < 2:
        return {"method": methods[0], **stated} if methods else stated
    fitting = [method for method in methods if not TrialSpec.read({**stated, "method": method})[1]]
    if len(fitting) == 1:
        return {"method": fitting[0], **stated}
    if fitting and len(fitting) < len(methods):
        raise SpecError(f"state the method too, since not every one has these values: {' or '.join(fitting)}")
    return stated if fitting else {"method": methods[0], **stated}


def _cloned(parent: TrialRecord, config: Config) -> dict[str, Scalar | None]:
    """A trial's values with some changed; without those that mean nothing beside the changes."""
    point = {name: value for name, value in parent.config.items() if value is not None} | dict(config)
    while True:
        spec, problems = TrialSpec.read(point)
        problems = problems if spec is None else spec.idle_problems()
        idle = {str(name) for problem in problems for name in problem.place} - config.keys()
        if not idle & point.keys():
            refuse(problems)
            return point
        point = {name: value for name, value in point.items() if name not in idle}


def _filled(space: Space, point: Config) -> tuple[dict[str, Scalar | None], bool]:
    """A point with the constants of a resolved space, and whether that leaves nothing to propose."""
    chosen: dict[str, Scalar | None] = {}
    whole = True
    for name, definition in space.ordered():
        if definition.applies({**chosen, **point}):
            if name in point or definition.value is not None:
                chosen[name] = point.get(name, definition.value)
            else:
                whole = False
    return chosen, whole
