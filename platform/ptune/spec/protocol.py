"""The laws between a space, a budget and published numbers, which no table can check alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from ptune.errors import nearest
from ptune.spec import grid
from ptune.spec.budget import EXPECTING, UNCONDITIONAL, Budget
from ptune.spec.heads import trained_methods
from ptune.spec.parameter import ParameterName
from ptune.spec.problem import Problem, dotted
from ptune.spec.prompt import METHODS
from ptune.spec.reporting import stated_steps
from ptune.spec.space import Space
from ptune.spec.strict import Strict
from ptune.spec.task import CORRELATIONS, METRICS, Task, is_minimized
from ptune.spec.trial import Config, Scalar, broken_law, parameter_names


class Published(Strict):
    """A number that somebody reported, which `ptune report` prints beside the search's own."""

    metric: str
    """One of the task's metrics."""
    value: float
    """Its value as trials report it: a share lies between 0 and 1, a loss is at least 0, a perplexity at least 1."""
    what: str = Field(min_length=1)
    """The configuration that reached it, such as `P-tuning v2, length 200, projection`."""
    source: str = Field(min_length=1)
    """Where it was published, such as `P-Tuning v2, Table 2`."""
    where: dict[ParameterName, Scalar | list[Scalar]] = Field(default_factory=dict)
    """The configurations that it is about: each parameter's value, or its possible values. Empty means all."""
    on: Literal["dev", "test"] = "dev"
    """The split it was measured on."""

    def speaks_of(self, config: Config) -> bool:
        """Whether the number is about a complete configuration."""
        return all(
            name in config and config[name] in (value if isinstance(value, list) else [value])
            for name, value in self.where.items()
        )


def grid_problems(space: Space, budget: Budget, layers: int | None = None, *, counted: bool = True) -> list[Problem]:
    """The laws that a space and a budget break for a grid search; none for another sampler.

    Args:
        space: the space; with `layers`, resolved.
        budget: its budget.
        layers: layers of the backbone; None leaves a size that depends on them unjudged.
        counted: whether the space is whole, so that its combinations count.
    """
    if budget.sampler != "grid":
        return []
    problems = [problem.within("space") for problem in grid.continuous(space)]
    if problems or not counted or (layers is None and grid.needs_layers(space)):
        return problems if layers is None else []
    law = grid.broken_trials(space, budget.trials)
    return [] if law is None else [Problem(("budget", "trials"), law)]


def sampler_problems(space: Space, budget: Budget) -> list[Problem]:
    """The laws that a sampler breaks in a space: what it can do with conditions, and with what is expected."""
    laws = []
    conditional = [name for name in space.searched if any(definition.when for definition in space.parameters[name])]
    if budget.sampler in UNCONDITIONAL and conditional:
        laws.append(
            f"{budget.sampler!r} needs parameters that every trial has, and {conditional[0]} is searched under a "
            "condition (`when`); 'auto' and 'tpe' model spaces with conditions"
        )
    if budget.sampler not in EXPECTING and space.expected:
        laws.append(
            f"{budget.sampler!r} cannot begin where values are expected, as the space states of {space.expected[0]} "
            f"(`expected`, `weights`); {', '.join(map(repr, EXPECTING))} can"
        )
    return [Problem(("budget", "sampler"), law) for law in laws]


def horizon_problems(space: Space, budget: Budget) -> list[Problem]:
    """The laws that horizons of trials break in a space."""
    problems: list[Problem] = []
    for index, definition in enumerate(space.parameters.get("epochs", [])):
        if budget.stops_early:
            law = (
                'epochs can be searched only with budget.stopping = { type = "none" }: the learning rate decays over a '
                "trial's own epochs, so trials of different horizons are not comparable at a rung"
            )
            problems.append(Problem(("space", "parameters", "epochs", index), law))
        problems += [
            Problem(("space", "parameters", "epochs", index, key), broken)
            for key, value in definition.stated()
            if isinstance(value, int) and (broken := horizon_law(value, budget.epochs)) is not None
        ]
    return problems


def report_problems(space: Space, task: Task, budget: Budget) -> list[Problem]:
    """That a number of steps between reports is no one part of the epochs of all trials that train something."""
    if stated_steps(budget.report_every) is None:
        return []
    methods = trained_methods(space, task)
    for name in ("batch_size", "passes"):
        values = {value for method in methods for value in space.values_in_trials(method, name)}
        if len(values) > 1:
            law = (
                f"a number of steps needs one {name}, and the space has several: trials would be compared after "
                f'different parts of an epoch; state a part of an epoch, such as "0.25 epochs", got '
                f"{budget.report_every!r}"
            )
            return [Problem(("budget", "report_every"), law)]
    return []


def horizon_law(epochs: int, horizon: int) -> str | None:
    """The law that a trial's own horizon breaks under the budget's; None if it holds."""
    return None if epochs <= horizon else f"epochs <= budget.epochs = {horizon} must hold, got {epochs}"


def keep_law(epoch: int | None, horizon: int) -> str | None:
    """The law that an epoch to keep breaks which the horizon does not reach; None if it holds."""
    return None if epoch is None or epoch <= horizon else f"keep_epoch <= {horizon} epochs must hold, got {epoch}"


def split_problems(space: Space, task: Task) -> list[Problem]:
    """Data splits that the space names and the data does not have."""
    return [
        Problem(("space", "parameters", "split", index, key), law)
        for index, definition in enumerate(space.parameters.get("split", []))
        for key, value in definition.stated()
        if isinstance(value, int) and (law := split_law(value, task)) is not None
    ]


def split_law(split: int, task: Task) -> str | None:
    """The law that a data split breaks which some data set of a task does not have; None if all have it."""
    place, splits = min(zip(task.set_places, (data.draws for data in task.sets), strict=True), key=lambda item: item[1])
    key = "splits" if task.folds == 1 else "folds"
    return None if split < splits else f"split < {dotted(place)}.{key} = {splits} must hold, got {split}"


def reported(task: Task) -> list[str]:
    """The metrics that a task's trials report and published numbers may use; `metric.NAME` belongs to one data set."""
    metrics = task.reported
    names = task.set_names
    of_sets = [f"{metric}.{name}" for metric in metrics for name in names if len(names) > 1]
    return list(dict.fromkeys([*metrics, task.metric, *of_sets]))


def majority_metric(kind: str) -> str:
    """The metric of a kind of task in which `majority_baseline` scores always giving one answer, `Task.always`."""
    return METRICS[kind][0]


def published_problems(published: Sequence[Published], task: Task) -> list[Problem]:
    """Published numbers that no trial of a task can be compared with."""
    metrics = reported(task)
    problems: list[Problem] = []
    for index, row in enumerate(published):
        if row.metric not in metrics:
            law = f"must be one of {', '.join(metrics)}, got {row.metric!r}{nearest(row.metric, metrics)}"
            problems.append(Problem(("published", index, "metric"), law))
        elif (law_of_value := _out_of_reach(row)) is not None:
            problems.append(Problem(("published", index, "value"), law_of_value))
        problems += [
            Problem(("published", index, "where", name), broken)
            for name, values in row.where.items()
            for value in (values if isinstance(values, list) else [values])
            if (broken := _law_of_all(name, value)) is not None
        ]
    return problems


def _out_of_reach(row: Published) -> str | None:
    """The law that an unreachable number breaks: metrics are shares, except for correlations and losses."""
    if is_minimized(row.metric):
        minimum = 1 if "perplexity" in row.metric else 0
        return None if row.value >= minimum else f"value >= {minimum} must hold for {row.metric}, got {row.value:g}"
    minimum = -1 if any(name in row.metric for name in CORRELATIONS) else 0
    if minimum <= row.value <= 1:
        return None
    hint = f"; write {row.value / 100:.4g}, not {row.value:g}" if minimum <= row.value / 100 <= 1 else ""
    return f"{minimum} <= value <= 1 must hold for {row.metric}, got {row.value:g}{hint}"


def _law_of_all(name: str, value: Scalar) -> str | None:
    """The law that a value breaks under every method that has the parameter; None if a method can hold it."""
    laws = [broken_law(method, name, value) for method in METHODS if name in parameter_names(method)]
    return next((law for law in laws if law is not None), None) if None not in laws else None
