"""Confirm a search: its best configurations again, on fresh seeds, each trial scored on the test split.

The best of many trials is the best partly by luck, and it was chosen on the very split that its score comes from
(Bouthillier et al. 2021, "Accounting for Variance in Machine Learning Benchmarks"). A confirmation chooses nothing:
every trial trains to its horizon, keeps the epoch that the search chose for its configuration, and counts. A repetition
that kept its own best dev epoch would be lucky there again. It is a search of its own, whose space lists the points.
Imports no torch.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ptune.errors import JournalError, SpecError
from ptune.files import value_hash
from ptune.record.configurations import Configuration
from ptune.record.constant import constant_sets, is_constant
from ptune.record.draws import mean_of_draws
from ptune.record.events import ConfirmedPoint, Confirms
from ptune.record.history import History, TrialRecord
from ptune.record.repetition import REPEATING, repetition, without_repetition
from ptune.record.spread import Spread
from ptune.record.verdict import Scores, Verdict, verdict
from ptune.spec.budget import Budget
from ptune.spec.job import Job
from ptune.spec.parameter import Parameter
from ptune.spec.protocol import majority_metric
from ptune.spec.space import Space
from ptune.spec.stopping import FullBudget
from ptune.spec.trial import Config, Scalar


@dataclass(frozen=True)
class ConfirmedConfiguration:
    """How one configuration holds up on fresh seeds."""

    config: Config
    search: Spread
    """What the search said of it on dev."""
    dev: Spread | None
    """Over the trials of the confirmation; None before the first is complete."""
    test: Spread | None
    metrics: Mapping[str, Spread | None]
    """Every other metric of the test split."""
    constant: int
    """Trials that always answered alike."""
    constant_on: Mapping[str, int]
    """By data set, how many others did so there."""
    failed: int
    """Trials without a result."""


@dataclass(frozen=True)
class Majority:
    """What always giving one answer scores."""

    answer: str
    metric: str
    dev: float | None
    test: float | None


@dataclass(frozen=True)
class Confirmation:
    """What a confirmation has come to so far."""

    name: str
    search: str
    """Name of the search that it confirms."""
    metric: str
    seeds: int
    splits: int
    searched: Sequence[str]
    """The parameters that the search varied."""
    configurations: Sequence[ConfirmedConfiguration]
    """In the order in which the search ranked them."""
    majority_baseline: Majority
    verdict: Verdict | None
    """Which of them is the best, on test where the job has that split; None before each has a repetition."""

    @property
    def judged_on(self) -> Literal["test", "dev"]:
        """The split by whose scores the verdict goes."""
        return "test" if all(row.test is not None for row in self.configurations) else "dev"

    def to_json(self) -> dict[str, Any]:
        """The confirmation as one JSON object; words are for people."""
        content = asdict(self)
        del content["majority_baseline"]["answer"]
        return content | {"judged_on": self.judged_on}


def confirmation(history: History, top: int, seeds: int) -> tuple[Job, Confirms]:
    """The job that repeats a search's best configurations, and what its first event says of the search.

    Args:
        history: the search, finished.
        top: how many configurations; those of trials that differ only in split or seed count once, by their mean. Of a
            search whose dev split grows, those that are scored on as much of it as the best.
        seeds: how often each is repeated, on every few-shot draw that the job has.

    Raises:
        JournalError: the search has not finished.
        SpecError: it has no result, or is a confirmation itself; or there is nothing to repeat.
    """
    for key, count in (("top", top), ("seeds", seeds)):
        if not isinstance(count, int) or count < 1:
            raise SpecError(f"{key} must be a whole number from 1, got {count!r}")
    name, job = history.header.name, history.job
    best = _chosen(history, top)
    points = [
        {**group.config, **split, "repeat": repeat, "keep_epoch": _kept_epoch(group, history)}
        for repeat in range(seeds)
        for split in _draws(job)
        for group in best
    ]
    budget = Budget(trials=len(points), epochs=job.budget.epochs, sampler="random", stopping=FullBudget())
    changes = {
        "name": f"{name[:72]}-confirm",
        "seed": int(value_hash(["confirm", job.seed])[:7], 16),
        "data_seed": job.drawing_seed,
        "prior": None,
        "backbone": {**job.backbone.model_dump(mode="json"), "dtype": history.dtype or job.backbone.dtype},
        "space": listing(points).model_dump(mode="json"),
        "budget": budget.model_dump(mode="json"),
    }
    confirms = Confirms(
        id=history.header.id,
        name=name,
        top=len(best),
        seeds=seeds,
        splits=max(data.draws for data in job.task.sets),
        searched=_searched(history),
        configurations=[
            ConfirmedPoint(group.config, [trial.number for trial in group.compared], group.spread) for group in best
        ],
    )
    return Job.model_validate({**job.model_dump(mode="json"), **changes}), confirms


def left_out(history: History, top: int) -> str | None:
    """Why fewer configurations are repeated than were asked for, where others are scored on less of dev; else None.

    Args:
        history: the search, finished.
        top: how many were asked for.
    """
    name, repeated = history.header.name, len(_chosen(history, top))
    if repeated == min(top, len(history.configurations())):
        return None
    return f"{repeated} of {top} configurations are repeated: {name} has scored the others on less of dev"


def _kept_epoch(group: Configuration, history: History) -> int:
    """The epoch that repetitions of a configuration keep: where those of its trials were best that came to an end.

    Of a configuration that was stopped, the last epoch: what a few epochs say of the best one says nothing of later.
    Of a search whose trials report within epochs, the nearest whole epoch.
    """
    complete = [trial for trial in group.trials if trial.status == "complete"]
    if not complete:
        return max(history.horizon(trial) // trial.reports_per_epoch for trial in group.trials)
    reports = statistics.median(trial.best_epoch for trial in complete)
    return max(1, round(reports / complete[0].reports_per_epoch))


def _draws(job: Job) -> list[Config]:
    """The few-shot draws on which each repetition trains; folds come by themselves."""
    if job.task.folds > 1:
        return [{}]
    return [{"split": split} for split in range(max(data.splits for data in job.task.sets))]


def listing(points: Sequence[Config]) -> Space:
    """A space that holds nothing but some complete configurations, as its baseline points."""
    methods = list(dict.fromkeys(str(point["method"]) for point in points))
    parameters = {"method": [Parameter(choices=[*methods])]}
    for method in methods:
        of_method = [point for point in points if point["method"] == method]
        for name in of_method[0]:
            if name != "method":
                values = [*{repr(point[name]): point[name] for point in of_method}.values()]
                parameters.setdefault(name, []).append(_listed(values, method))
    return Space(parameters=parameters, baseline=[dict(point) for point in points])


def _listed(values: list[Scalar | None], method: str) -> Parameter:
    """A parameter of one method that takes nothing but some values."""
    if len(values) > 1 or values == [None]:
        return Parameter(choices=values, when={"method": method})
    return Parameter(value=values[0], when={"method": method})


def result(history: History) -> Confirmation | None:
    """What a confirmation has come to so far; None for a search that confirms nothing."""
    confirms = history.header.confirms
    if confirms is None:
        return None
    configurations = [_confirmed(history, point) for point in confirms.configurations]
    return Confirmation(
        name=history.header.name,
        search=confirms.name,
        metric=history.objective.metric,
        seeds=confirms.seeds,
        splits=confirms.splits,
        searched=_searched(history),
        configurations=configurations,
        majority_baseline=_majority(history),
        verdict=_verdict(history, tested=all(row.test is not None for row in configurations)),
    )


def _chosen(history: History, top: int) -> list[Configuration]:
    name, confirms, ended = history.header.name, history.header.confirms, history.ended
    if confirms is not None:
        raise SpecError(f"{name} is a confirmation of {confirms.name}; confirm that search")
    if ended is None or ended.status != "complete":
        raise JournalError(f"{name} has not finished, so its best is not known; go on with `ptune resume {name}`")
    if not history.ranked():
        raise SpecError(f"{name} has no trial with a result, so there is nothing to confirm")
    best, *others = history.configurations()
    return [best, *(other for other in others if other.scored_on == best.scored_on)][:top]


def _searched(history: History) -> list[str]:
    """What tells configurations apart; which data and which seed are none of a configuration's."""
    return [name for name in history.header.varied if name not in REPEATING]


def _verdict(history: History, *, tested: bool) -> Verdict | None:
    """What the repetitions say of the configurations, by their scores on test or on dev."""
    objective, confirms = history.objective, history.header.confirms
    assert confirms is not None, "only a confirmation has a verdict"
    utilities: list[Scores] = []
    for point in confirms.configurations:
        scores = {
            repetition(trial.config)[:2]: trial.test if tested else trial.best_report
            for trial in _trials_of(history, point)
            if trial.status == "complete"
        }
        utilities.append(
            {
                name: objective.utility(metrics[objective.metric])
                for name, metrics in scores.items()
                if metrics is not None and objective.metric in metrics
            }
        )
    return verdict(utilities, paired=max(confirms.splits, history.job.task.folds) > 1)


def _trials_of(history: History, point: ConfirmedPoint) -> list[TrialRecord]:
    return [trial for trial in history.trials.values() if without_repetition(trial.config) == point.config]


def _confirmed(history: History, point: ConfirmedPoint) -> ConfirmedConfiguration:
    metric = history.objective.metric
    trials = _trials_of(history, point)
    complete = [trial for trial in trials if trial.status == "complete"]
    tests = [trial.test for trial in complete if trial.test is not None]
    reports = [[trial.best_report, trial.test or {}] for trial in complete]
    constant = [pair for pair in reports if any(map(is_constant, pair))]
    partly = [{name for metrics in pair for name in constant_sets(metrics)} for pair in reports if pair not in constant]
    names = [name for name in (tests[0] if tests else {}) if name not in (metric, "majority_baseline")]
    return ConfirmedConfiguration(
        config=point.config,
        search=point.dev,
        dev=_spread([trial.best_report[metric] for trial in complete]),
        test=_spread([test[metric] for test in tests if metric in test]),
        metrics={name: _spread([test[name] for test in tests]) for name in names},
        constant=len(constant),
        constant_on=dict(sorted(Counter(name for sets in partly for name in sets).items())),
        failed=sum(trial.status == "failed" for trial in trials),
    )


def _majority(history: History) -> Majority:
    task = history.job.task
    test = mean_of_draws((trial.config, trial.test) for trial in history.ranked() if trial.test is not None)
    return Majority(task.always, majority_metric(task.kind), history.majority_baseline, test)


def _spread(values: Sequence[float]) -> Spread | None:
    return Spread.of(values) if values else None
