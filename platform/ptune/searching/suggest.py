"""From an Optuna trial and a search space to one configuration.

The only place that translates a space into Optuna's terms. A parameter stated several times, each under its own
condition, is as many Optuna parameters (`lr[method=v1]`, `lr[method=v2]`), because a sampler cannot mix their
ranges; a constant is none. Knows nothing of studies, rungs or journals.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna

from ptune.spec.parameter import Parameter
from ptune.spec.space import Space
from ptune.spec.trial import Config, Scalar


def ask(study: optuna.Study, space: Space, point: Config | None = None) -> dict[str, Scalar | None]:
    """Start a study's next trial and return its configuration: the parameters that exist in it, without defaults.

    Args:
        study: the study; its sampler proposes.
        space: a resolved search space.
        point: values to take as they are; what it leaves out is proposed, so a whole configuration is only noted.
    """
    with quiet():
        if point:
            study.enqueue_trial(_pins(point, space))
        return suggest(study.ask(), space, point)


def suggest(trial: optuna.Trial, space: Space, point: Config | None = None) -> dict[str, Scalar | None]:
    """Choose a value for every parameter of a resolved space that exists under the values chosen before it.

    Args:
        trial: the trial in which the values are noted.
        space: the space.
        point: what the trial has been told to take. Values that Optuna has no room for, such as a choice that the space
            does not state, are taken without being noted.
    """
    given = point or {}
    chosen: dict[str, Scalar | None] = {}
    for label, name, definition in _labelled(space):
        if definition.applies(chosen):
            is_strange = name in given and not _can_be_noted(definition, given[name])
            chosen[name] = given[name] if is_strange else _value(trial, label, definition)
    return chosen


def plain_name(label: str) -> str:
    """The parameter an Optuna name stands for: `lr` for `lr[method=v2]`."""
    return label.partition("[")[0]


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what Optuna says about grouped TPE, queued points, and values or steps that do not fit their ranges."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", message="The distribution is specified by", category=UserWarning)
        warnings.filterwarnings("ignore", message="Fixed parameter", category=UserWarning)
        yield


def _pins(point: Config, space: Space) -> dict[str, Scalar | None]:
    """A point's values under Optuna's names; those whose condition does not hold are never asked for."""
    return {label: point[name] for label, name, _ in _labelled(space) if name in point}


def _can_be_noted(definition: Parameter, value: Scalar | None) -> bool:
    """Whether a trial of Optuna can hold a value; a number may lie outside of its range."""
    if definition.low is None:
        return definition.contains(value)
    return isinstance(value, int | float) and not isinstance(value, bool) and (value > 0 or not definition.log)


def _labelled(space: Space) -> Iterator[tuple[str, str, Parameter]]:
    for name, definition in space.ordered():
        several = len(space.parameters[name]) > 1
        yield (f"{name}[{_condition(definition)}]" if several else name), name, definition


def _condition(definition: Parameter) -> str:
    parts = []
    for key, allowed in sorted(definition.when.items()):
        values = allowed if isinstance(allowed, list) else [allowed]
        parts.append(f"{key}={'|'.join(map(str, values))}")
    return ",".join(parts)


def _value(trial: optuna.Trial, label: str, definition: Parameter) -> Any:
    if definition.value is not None:
        return definition.value
    if definition.choices is not None:
        return trial.suggest_categorical(label, definition.choices)
    low, high, step = definition.low, definition.high, definition.step
    if definition.integer:
        return trial.suggest_int(label, low, high, step=step or 1, log=definition.log)
    return trial.suggest_float(label, low, high, step=step, log=definition.log)
