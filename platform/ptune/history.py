"""A search as its journal tells it: events folded into trials.

The common reading of a journal for resuming, reporting and tracking. Pure: no clock, no files but the journal.
"""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from ptune.journal import Event

Status = Literal["waiting", "running", "paused", "complete", "stopped", "failed"]
FINAL: frozenset[Status] = frozenset({"complete", "stopped", "failed"})
REPEATING = ("split", "repeat")
"""Parameters that do not change a configuration, only on which data and with which seed it is tried."""


_CONSTANT = "constant_prediction"


def is_constant(metrics: Mapping[str, Any]) -> bool:
    """Whether a report is of a learner that answers alike throughout: on every data set, of which it is the mean."""
    return bool(metrics.get(_CONSTANT) == 1.0)


def constant_sets(metrics: Mapping[str, Any]) -> list[str]:
    """Of a task with several data sets, the names of those on which a report's learner answers alike throughout."""
    prefix = f"{_CONSTANT}."
    return [name.removeprefix(prefix) for name, value in metrics.items() if name.startswith(prefix) and value == 1.0]


@dataclass
class TrialRecord:
    """One trial: its configuration and everything it has reported."""

    number: int
    config: dict[str, Any]
    status: Status = "waiting"
    reports: list[dict[str, Any]] = field(default_factory=list)
    """Metrics of epoch 1, 2, ... in order; each holds the job's metric under its own name."""
    state: str | None = None
    """File of the last saved state, relative to the search's folder."""
    reason: str | None = None
    """Why it failed or was stopped."""
    run_id: str | None = None
    """Its MLflow run."""
    test: dict[str, Any] | None = None
    """Metrics on the test split of what it kept; only confirmations score every trial."""
    selection: Literal["first", "last"] = "first"
    """Which of several epochs with the best value it keeps."""

    @property
    def epoch(self) -> int:
        """Epochs finished and reported."""
        return len(self.reports)

    def best(self, metric: str) -> float | None:
        """Highest finite value of `metric` over the reported epochs; None before the first."""
        return max((report[metric] for report in self.reports if math.isfinite(report[metric])), default=None)

    def best_epoch(self, metric: str) -> int:
        """The epoch (1, 2, ...) whose learner is kept: the first, or last, that reached the best value of `metric`."""
        order = range(self.epoch) if self.selection == "first" else reversed(range(self.epoch))
        return 1 + max(order, key=lambda index: float(self.reports[index][metric]))

    def kept(self, metric: str) -> dict[str, Any]:
        """Everything reported about the epoch whose learner is kept."""
        report: dict[str, Any] = self.reports[self.best_epoch(metric) - 1]
        return report

    def apply(self, event: Event) -> None:
        """Take in the next event that is about this trial."""
        match event["event"]:
            case "started":
                self.status = "running"
            case "reported":
                self.reports.append(event["metrics"])
                self.state = event["state"]
            case "paused":
                self.status = "paused"
            case "finished":
                self.status = event["status"]
                self.reason = event.get("reason")
            case "tested":
                self.test = event["metrics"]
            case "tracked":
                self.run_id = event["run_id"]


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation (None for a single value) of some values."""

    mean: float
    sd: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The spread of at least one value."""
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


@dataclass(frozen=True)
class Group:
    """Trials of one configuration, on different data splits or seeds."""

    config: dict[str, Any]
    """What they have in common."""
    trials: list[TrialRecord]
    """At least one, each with a result, by number."""

    def spread(self, metric: str) -> Spread:
        """Of the best value of `metric`, the one the search maximises, that each trial reached on dev."""
        return Spread.of([value for trial in self.trials if (value := trial.best(metric)) is not None])


@dataclass
class History:
    """A whole search: its first line, its trials by number, and how it ended."""

    header: dict[str, Any] = field(default_factory=dict)
    trials: dict[int, TrialRecord] = field(default_factory=dict)
    run_id: str | None = None
    """The parent MLflow run."""
    dtype: str | None = None
    """The type of the frozen weights in every trial; None until they are first loaded."""
    ended: dict[str, Any] | None = None
    """The `ended` event, unless the search was resumed after it."""
    started_at: float | None = None
    """Seconds since 1970 of the first event."""
    last_at: float | None = None
    """Seconds since 1970 of the latest event."""

    @property
    def metric(self) -> str:
        """The metric the search maximises."""
        return str(self._job["task"]["metric"])

    def horizon(self, trial: TrialRecord) -> int:
        """The most epochs a trial trains: its own, or the budget's."""
        return int(trial.config.get("epochs") or self._job["budget"]["epochs"])

    @property
    def _job(self) -> dict[str, Any]:
        job: dict[str, Any] = self.header.get("job", {})
        return job

    @classmethod
    def of(cls, events: Iterable[Event]) -> History:
        """Fold a journal's events, oldest first."""
        history = cls()
        for event in events:
            history.apply(event)
        return history

    def apply(self, event: Event) -> None:
        """Take in the next event."""
        self.started_at = self.started_at if self.started_at is not None else event["time"]
        self.last_at = event["time"]
        match event["event"]:
            case "search":
                self.header = event
            case "suggested":
                selection = self._job.get("task", {}).get("selection", "first")
                self.trials[event["trial"]] = TrialRecord(event["trial"], event["config"], selection=selection)
            case "tracked" if event["trial"] is None:
                self.run_id = event["run_id"]
            case "resumed":
                self.ended = None
            case "loaded":
                self.dtype = event["dtype"]
            case "ended":
                self.ended = event
            case _:
                self.trials[event["trial"]].apply(event)

    @property
    def statuses(self) -> dict[str, int]:
        """How many trials have each status."""
        return dict(Counter(trial.status for trial in self.trials.values()))

    @property
    def best(self) -> TrialRecord | None:
        """The best trial, if any trial has a result."""
        return next(iter(self.ranked()), None)

    def ranked(self) -> list[TrialRecord]:
        """Trials with a finite result, best first; ties go to the earlier trial. Failed trials are left out."""
        metric = self.metric
        scored = [
            trial for trial in self.trials.values() if trial.status != "failed" and trial.best(metric) is not None
        ]
        return sorted(scored, key=lambda trial: (-(trial.best(metric) or 0.0), trial.number))

    def groups(self) -> list[Group]:
        """Ranked trials, those of one configuration together; best mean first, ties go to the earlier configuration."""
        members: dict[str, list[TrialRecord]] = {}
        for trial in sorted(self.ranked(), key=lambda trial: trial.number):
            members.setdefault(json.dumps(configuration(trial.config), sort_keys=True), []).append(trial)
        groups = [Group(configuration(trials[0].config), trials) for trials in members.values()]
        return sorted(groups, key=lambda group: -group.spread(self.metric).mean)


def configuration(config: dict[str, Any]) -> dict[str, Any]:
    """What is tried, without the parameters that only say on which data and with which seed."""
    return {name: value for name, value in config.items() if name not in REPEATING}
