"""From an Optuna trial and a search space to one configuration.

The only place that translates a space into Optuna's terms. A parameter stated several times, each under its own
condition, is as many Optuna parameters (`lr[method=v1]`, `lr[method=v2]`), because a sampler cannot mix their
ranges; a constant is none. Knows nothing of studies, rungs or journals.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import optuna

from ptune.errors import SpecError
from ptune.spec.job import Job
from ptune.spec.prompt import PromptTuning, PromptV1, PromptV2, layers_of
from ptune.spec.space import Parameter, Space
from ptune.spec.template import parse, run_lengths
from ptune.spec.trial import Protocol, TrialSpec


def ask(study: optuna.Study, space: Space, point: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Start a study's next trial and return its configuration: the parameters that exist in it, without defaults.

    Args:
        study: the study; its sampler proposes.
        space: a resolved search space.
        point: values to take as they are; what it leaves out is proposed, so a whole configuration is only noted.
    """
    with quiet():
        if point:
            study.enqueue_trial(_pins(point, space))
        return suggest(study.ask(), space)


def suggest(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """Choose a value for every parameter of a resolved space that exists under the values chosen before it."""
    chosen: dict[str, Any] = {}
    for label, name, definition in _labelled(space):
        if definition.applies(chosen):
            chosen[name] = _value(trial, label, definition)
    return chosen


def plain_name(label: str) -> str:
    """The parameter an Optuna name stands for: `lr` for `lr[method=v2]`."""
    return label.partition("[")[0]


def complete(chosen: Mapping[str, Any], job: Job, layers: int) -> dict[str, Any]:
    """Fill in every default and check the laws that need the task or the backbone.

    Raises:
        SpecError: a value breaks its law, a prompt in the input does not fill its template's runs or leaves no room
            for text, a v2 prompt asks for layers the backbone lacks, or the trial's horizon or data split is not among
            the job's.
    """
    spec = TrialSpec.from_config(chosen)
    _check_protocol(spec.protocol, job)
    if isinstance(spec.prompt, PromptV1 | PromptTuning):
        _check_template(spec.prompt, job)
    elif isinstance(spec.prompt, PromptV2):
        _check_layers(spec.prompt, layers)
    return spec.to_config()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what Optuna says about grouped TPE and queued points, and about ranges that their steps do not divide."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", message="The distribution is specified by", category=UserWarning)
        yield


def _pins(point: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """A point's values under Optuna's names; those whose condition does not hold are never asked for."""
    return {label: point[name] for label, name, _ in _labelled(space) if name in point}


def _check_protocol(protocol: Protocol, job: Job) -> None:
    if protocol.epochs is not None and protocol.epochs > job.budget.epochs:
        raise SpecError(f"epochs <= budget.epochs = {job.budget.epochs} must hold, got {protocol.epochs}")
    splits = max(data.splits for data in job.task.sets)
    if protocol.split >= splits:
        raise SpecError(f"split < task.data.splits = {splits} must hold, got {protocol.split}")


def _check_template(prompt: PromptV1 | PromptTuning, job: Job) -> None:
    for data in job.task.sets:
        if prompt.length >= data.max_length:
            raise SpecError(
                f"length < max_length must hold to leave room for text, got {prompt.length} >= {data.max_length}"
            )
        try:
            template = prompt.template if isinstance(prompt, PromptV1) else "before"
            run_lengths(parse(template, data.fields, data.template), prompt.length)
        except ValueError as error:
            raise SpecError(str(error)) from None


def _check_layers(prompt: PromptV2, layers: int) -> None:
    if prompt.depth is not None and prompt.depth > layers:
        raise SpecError(f"depth <= {layers}, the backbone's layers, must hold, got {prompt.depth}")
    named = layers_of(prompt.layers) if prompt.layers is not None else range(prompt.depth or layers)
    if prompt.layers is not None and max(named) >= layers:
        raise SpecError(f"layers must lie within 1-{layers}, the backbone's, got {prompt.layers!r}")
    if prompt.lengths is not None and len(prompt.layer_lengths) != len(named):
        raise SpecError(f"lengths must hold one for each of the {len(named)} chosen layers, got {prompt.lengths!r}")


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
