"""What counts beside the metric of a job: costs and further metrics, what they may come to, and the point to export."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ptune.errors import nearest
from ptune.spec.budget import Budget
from ptune.spec.problem import Problem
from ptune.spec.prompt import PROMPTLESS
from ptune.spec.space import Space
from ptune.spec.stopping import RANKING
from ptune.spec.strict import Strict, broken
from ptune.spec.task import Task, is_minimized
from ptune.spec.trial import Config

LENGTH = "prompt_length"
"""Tokens of a prompt; of a v2 prompt, those of its longest layer. A configuration states it."""
SIZE, SHARE = "trainable_parameters", "backbone_share"
SIZES = (SIZE, SHARE)
"""Numbers that a trial trains, its encoder and head included, and their share of the backbone's. They are known when a
trial is built, before it trains."""
TRAINING = "training_memory_mb"
"""What a trial takes of its engine's memory beside the frozen weights, counted from shapes: what it trains, with
gradients and moments, and a pass with its own mini-batch alone."""
SECONDS, MEMORY = "seconds_per_epoch", "peak_memory_mb"
MACHINE = (SECONDS, MEMORY)
"""Costs that depend on the machine, and on what else it does. The seconds of an epoch are a trial's share of its
passes, by its tokens among theirs. The memory is the most that the engine had taken up to then, for all trials that it
had trained: of a GPU what torch took, of CPUs what was resident."""
COSTS = (LENGTH, *SIZES, TRAINING, *MACHINE)
"""What a trial costs; less is better of each."""
_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*%\s*", re.ASCII)


def _bound(given: Any) -> Any:
    """A number, or a share in percent as a string."""
    if not isinstance(given, str):
        return float(given) if isinstance(given, int) and not isinstance(given, bool) else given
    percent = _PERCENT.fullmatch(given)
    if percent is None:
        raise broken(f"write a number, or a share such as '0.1%', got {given!r}")
    return float(percent[1]) / 100


Bound = Annotated[float, BeforeValidator(_bound)]


class Objectives(Strict):
    """What counts beside `task.metric`, which stays the first objective and decides which epoch of a trial is kept."""

    beside: list[str] = Field(default_factory=list)
    """Costs (`prompt_length`, `trainable_parameters`, `backbone_share`, `training_memory_mb`, `seconds_per_epoch`) and
    metrics that count as much as the metric. Less is better of a cost."""
    at_most: dict[str, Bound] = Field(default_factory=dict)
    """What costs and metrics may come to at most."""
    at_least: dict[str, Bound] = Field(default_factory=dict)
    """What they have to come to at least."""
    choose: Literal["best", "knee"] = "best"
    """Which trial of the front counts as the best and is exported: the one of the best metric, or the knee."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.beside or self.at_most or self.at_least):
            raise ValueError("state beside, at_most or at_least: without them the metric alone counts")
        if len(set(self.beside)) < len(self.beside):
            raise ValueError(f"beside must name each objective once, got {self.beside}")
        if self.choose == "knee" and not self.beside:
            raise ValueError("choose = 'knee' needs an objective beside the metric: state beside")
        return self

    @property
    def bounded(self) -> list[str]:
        """The costs and metrics that have a bound."""
        return list(dict.fromkeys([*self.at_most, *self.at_least]))

    def laws(self, measured: Mapping[str, float]) -> list[str]:
        """The bounds that measured values break, in words; a value that is not there breaks none."""
        return [law for _, law in self._broken(measured)]

    def violation(self, measured: Mapping[str, float]) -> float:
        """How far measured values are outside of the bounds, in shares of each bound, summed; 0 if they keep them."""
        return sum(excess for excess, _ in self._broken(measured))

    def _broken(self, measured: Mapping[str, float]) -> Iterator[tuple[float, str]]:
        bounds = [(name, bound, 1, "<=") for name, bound in self.at_most.items()]
        bounds += [(name, bound, -1, ">=") for name, bound in self.at_least.items()]
        for name, bound, sign, relation in bounds:
            value = measured.get(name)
            if value is None or sign * value <= sign * bound:
                continue
            excess = sign * (value - bound) / (abs(bound) or 1.0)
            law = f"{name} {relation} {bound:.6g} must hold, got {value:.6g}"
            yield (excess if math.isfinite(excess) else math.inf), law


def length_of(config: Config) -> float:
    """The tokens of a configuration's prompt; none for a method without one."""
    length = config.get("length")
    return float(length) if isinstance(length, int | float) else 0.0


def bound_problems(objectives: Objectives | None, config: Config) -> list[Problem]:
    """The bounds that a configuration breaks whatever it is trained on; the places are names of parameters."""
    laws = [] if objectives is None else objectives.laws({LENGTH: length_of(config)})
    return [Problem(("length",), law) for law in laws]


def is_less_better(name: str) -> bool:
    """Whether less is better of a cost or a metric."""
    return name in COSTS or is_minimized(name)


def objective_problems(
    objectives: Objectives, task: Task | None, space: Space | None, budget: Budget | None
) -> list[Problem]:
    """The laws that objectives break beside the other tables of a job."""
    problems = [] if task is None else list(_unknown(objectives, task))
    problems += [] if space is None else _too_long(objectives, space)
    if task is not None and task.folds > 1:
        law = "with folds the mean of one metric decides; leave [objectives] out, or folds"
        problems.append(Problem(("objectives",), law))
    if budget is not None and budget.sampler == "gp":
        law = "'gp' models the metric alone; 'auto', 'tpe' and 'random' take several objectives"
        problems.append(Problem(("budget", "sampler"), law))
    if budget is not None and not budget.stopping.ranks:
        law = f"several objectives rank under {' or '.join(RANKING)}, got type = {budget.stopping.type!r}"
        problems.append(Problem(("budget", "stopping"), law))
    return problems


def _too_long(objectives: Objectives, space: Space) -> list[Problem]:
    """Baseline points that break the bounds, and a space of which every length does."""
    problems = [
        Problem(("space", "baseline", number, *problem.place), problem.text)
        for number, point in enumerate(space.baseline)
        if "length" in point
        for problem in bound_problems(objectives, point)
    ]
    lengths = [value for definition in space.parameters.get("length", []) for _, value in definition.stated()]
    laws = [bound_problems(objectives, {"length": length}) for length in lengths]
    if lengths and all(laws) and set(PROMPTLESS).isdisjoint(space.methods):
        law = f"no length of the space keeps the bounds: {laws[0][0].text}"
        problems.append(Problem(("objectives", "at_most" if LENGTH in objectives.at_most else "at_least"), law))
    return problems


def _unknown(objectives: Objectives, task: Task) -> Iterator[Problem]:
    """Names that are neither a cost nor a metric that trials of the task have."""
    known = (*COSTS, *(task.reported if len(task.sets) == 1 else ()))
    for table, names in (
        ("beside", objectives.beside),
        ("at_most", [*objectives.at_most]),
        ("at_least", [*objectives.at_least]),
    ):
        for name in names:
            if table == "beside" and name == MEMORY:
                law = f"{name} is the engine's, of all trials that it trains; name {TRAINING}, or bound it with at_most"
                yield Problem(("objectives", table), law)
            elif table == "beside" and name == task.metric:
                law = f"beside names what else counts, and {name} is task.metric already"
                yield Problem(("objectives", table), law)
            elif name not in known and name != task.metric:
                several = "; of several data sets, only task.metric is a mean" if len(task.sets) > 1 else ""
                law = f"must name a cost or a metric ({', '.join(known)}{several}), got {name!r}{nearest(name, known)}"
                yield Problem(("objectives", table), law)
