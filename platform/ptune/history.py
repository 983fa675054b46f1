"""A search as its journal tells it: events folded into trials.

The common reading of a journal for resuming, reporting and tracking. Pure: no clock, no files but the journal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from ptune.journal import Event

Status = Literal["waiting", "running", "paused", "complete", "stopped", "failed"]
FINAL: frozenset[Status] = frozenset({"complete", "stopped", "failed"})


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

    @property
    def epoch(self) -> int:
        """Epochs finished and reported."""
        return len(self.reports)

    def best(self, metric: str) -> float | None:
        """Highest finite value of `metric` over the reported epochs; None before the first."""
        return max((report[metric] for report in self.reports if math.isfinite(report[metric])), default=None)

    def best_epoch(self, metric: str) -> int:
        """The epoch (1, 2, ...) whose learner is kept: the first that reached the best value of `metric`."""
        return 1 + max(range(self.epoch), key=lambda index: float(self.reports[index][metric]))

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
            case "tracked":
                self.run_id = event["run_id"]


@dataclass
class History:
    """A whole search: its first line, its trials by number, and how it ended."""

    header: dict[str, Any] = field(default_factory=dict)
    trials: dict[int, TrialRecord] = field(default_factory=dict)
    run_id: str | None = None
    """The parent MLflow run."""
    ended: dict[str, Any] | None = None
    """The `ended` event, unless the search was resumed after it."""
    started_at: float | None = None
    """Seconds since 1970 of the first event."""
    last_at: float | None = None
    """Seconds since 1970 of the latest event."""

    @property
    def metric(self) -> str:
        """The metric the search maximises."""
        return str(self.header["job"]["task"]["metric"])

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
                self.trials[event["trial"]] = TrialRecord(event["trial"], event["config"])
            case "tracked" if event["trial"] is None:
                self.run_id = event["run_id"]
            case "resumed":
                self.ended = None
            case "ended":
                self.ended = event
            case _:
                self.trials[event["trial"]].apply(event)

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
