"""The laws of one configuration that need only the job and its backbone's number of layers."""

from __future__ import annotations

from ptune.spec.budget import Budget
from ptune.spec.growing import keep_on_parts_law
from ptune.spec.job import Job
from ptune.spec.layout import input_problems
from ptune.spec.losses import smoothing_law
from ptune.spec.objectives import bound_problems
from ptune.spec.problem import Problem, refuse
from ptune.spec.prompt import layer_problems
from ptune.spec.protocol import horizon_law, keep_law, split_law
from ptune.spec.quantization import quantization_law
from ptune.spec.starts import start_law
from ptune.spec.task import Task
from ptune.spec.trial import Config, Protocol, Scalar, TrialSpec


def complete(chosen: Config, job: Job, layers: int) -> dict[str, Scalar | None]:
    """Fill in every default of a configuration and check every law that needs no backbone but its number of layers.

    Args:
        chosen: the parameters that exist in the trial.
        job: the job.
        layers: layers of its backbone.

    Raises:
        SpecError: the configuration breaks a law; the message has all of them.
    """
    spec, problems = TrialSpec.read(chosen)
    if spec is None:
        refuse(problems)
    assert spec is not None, "a configuration without a problem makes a spec"
    config = spec.to_config()
    bounds = bound_problems(job.objectives, config)
    refuse([*spec.idle_problems(), *configuration_problems(spec, job, layers), *bounds])
    return config


def configuration_problems(spec: TrialSpec, job: Job, layers: int) -> list[Problem]:
    """The laws that a trial of a job breaks; the places are names of parameters.

    A prompt in the input has to fill its template's runs and leave room for text. A v2 prompt's layers have to be among
    the backbone's, and a backbone that is quantized is not trained. The trial's horizon must not exceed the job's, and
    its data split must be one of the job's. Where dev grows, it must keep its best epoch.
    """
    return [
        *_protocol_problems(spec.protocol, job.task, job.budget),
        *input_problems(spec.prompt, job.task),
        *layer_problems(spec.prompt, layers),
        *_named("init", start_law(spec.prompt, job.task)),
        *_named("backbone_lr", quantization_law(job.backbone.quantization, tuned=spec.recipe.backbone_lr is not None)),
        *_named("label_smoothing", smoothing_law(spec.recipe.label_smoothing, job.task)),
    ]


def _named(name: str, law: str | None) -> list[Problem]:
    return [] if law is None else [Problem((name,), law)]


def _protocol_problems(protocol: Protocol, task: Task, budget: Budget) -> list[Problem]:
    return [
        *_named("epochs", None if protocol.epochs is None else horizon_law(protocol.epochs, budget.epochs)),
        *_named("keep_epoch", keep_law(protocol.keep_epoch, protocol.epochs or budget.epochs)),
        *_named("keep_epoch", keep_on_parts_law(protocol.keep_epoch, budget)),
        *_named("split", split_law(protocol.split, task)),
    ]
