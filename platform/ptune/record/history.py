"""A search as its journal tells it: events folded into trials, for resuming, reporting and tracking. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from ptune.errors import JournalError
from ptune.record.configurations import Configuration, grouped
from ptune.record.draws import mean_of_draws
from ptune.record.events import (
    Awaiting,
    BestResult,
    Ended,
    Event,
    Extended,
    Finished,
    Header,
    LimitReached,
    Loaded,
    Metered,
    Paused,
    Refused,
    Reported,
    Resumed,
    SearchStatus,
    SetAside,
    Started,
    Suggested,
    Tested,
    Tracked,
)
from ptune.record.objective import Objective
from ptune.record.order import Order
from ptune.record.ranking import Front, front, ranked
from ptune.record.trial_record import Status, TrialRecord
from ptune.spec.job import Job
from ptune.spec.objectives import Objectives
from ptune.spec.varied import in_order, strange

__all__ = ["FINAL", "REJECTED", "Answer", "History", "Status", "TrialRecord"]

FINAL: frozenset[Status] = frozenset({"complete", "stopped", "failed"})
REJECTED = "rejected: "
"""How the reason of a trial begins that failed because its configuration breaks a law."""
_MOST_SPARED = 10  # times the trials of a budget

Answer = Suggested | Finished | Extended | Refused | Ended
"""An event that answers a request."""


@dataclass
class History:
    """A whole search: its header, its trials by number, and how it ended."""

    first: Header | None = None
    """The header once it has been read; `header` for those who rely on it."""
    trials: dict[int, TrialRecord] = field(default_factory=dict)
    run_id: str | None = None
    """The tracker's run that shows the search."""
    dtype: str | None = None
    """The type of the frozen weights in every trial; None until they are first loaded."""
    ended: Ended | None = None
    """How it ended, unless it was resumed after that."""
    awaiting: str | None = None
    """What holds the search up; None while nothing does."""
    started_at: float | None = None
    """Seconds since 1970 of the first event."""
    last_at: float | None = None
    """Seconds since 1970 of the latest event."""
    rested_s: float = 0.0
    """Seconds between interruptions and going on."""
    suggested: int = 0
    """How many trials the search has suggested itself; users have asked for the others."""
    rejected: int = 0
    """How many of these broke a law before they trained."""
    extended: int = 0
    """How many trials users have added to the budget."""
    limit: LimitReached | None = None
    """The limit of the budget, other than its trials, that has been reached."""
    answers: dict[str, Answer] = field(default_factory=dict)
    """What answers each request of a user, by its id."""
    _order: Order = field(default_factory=Order, repr=False, compare=False)

    @classmethod
    def of(cls, events: Iterable[Event]) -> History:
        """Fold a journal's events, oldest first.

        Raises:
            JournalError: the events do not follow from each other; see `apply`.
        """
        history = cls()
        for event in events:
            history.apply(event)
        return history

    @property
    def header(self) -> Header:
        """What is searched.

        Raises:
            JournalError: the journal does not say so yet.
        """
        if self.first is None:
            raise JournalError("the journal does not say yet what is searched: it has no event `search`")
        return self.first

    @property
    def job(self) -> Job:
        """The job that is searched."""
        return self.header.job

    @property
    def planned(self) -> int | None:
        """How many trials it will have; None where other limits decide, and for a grid that has not been counted."""
        if self.limit is not None:
            return len(self.trials)
        budget = self.job.budget.trials
        if budget is None:
            return None
        return budget * self.job.task.folds + self.extended + self.spared + len(self.trials) - self.suggested

    @property
    def spared(self) -> int:
        """How many rejected trials the budget does not count: those of a job with bounds, up to ten times its own.

        A grid has no others to propose in their place.
        """
        objectives, budget = self.objectives, self.job.budget
        if objectives is None or not objectives.bounded or budget.sampler == "grid" or budget.trials is None:
            return 0
        return min(self.rejected, _MOST_SPARED * budget.trials)

    @property
    def objective(self) -> Objective:
        """What the search is after."""
        return Objective.of(self.job.task)

    def names(self, trial: TrialRecord) -> list[str]:
        """The parameters that tell a trial apart from others, in the order in which people see them."""
        return [*self.header.varied, *trial.strange]

    def horizon(self, trial: TrialRecord) -> int:
        """The most reports that a trial makes: those of its own epochs, or of the budget's."""
        return int(trial.config.get("epochs") or self.job.budget.epochs) * trial.reports_per_epoch

    def apply(self, event: Event) -> None:
        """Take in the next event.

        Raises:
            JournalError: it does not follow from the events before (see `ptune.record.order`), a trial is suggested
                before the header, or a report lacks the objective's metric.
        """
        if isinstance(event, Reported):
            self._check_metric(event)
        self._order.take(event)
        self.started_at = self.started_at if self.started_at is not None else event.time
        if isinstance(event, Resumed) and self.last_at is not None:
            self.rested_s += event.time - self.last_at
        self.last_at = event.time
        if isinstance(event, Answer) and event.request is not None:
            self.answers[event.request] = event
        match event:
            case Header():
                self.first = event
            case Suggested():
                self._take_suggestion(event)
            case Started(trial):
                self.trials[trial].status = "running"
            case Reported():
                self._take_report(event)
            case Paused(trial):
                self.trials[trial].status = "paused"
            case Finished(trial, status, reason):
                record = self.trials[trial]
                record.status, record.reason, record.ended_by_user = status, reason, event.request is not None
                self.rejected += not record.added and not record.reports and (reason or "").startswith(REJECTED)
            case Tested(trial, metrics):
                self.trials[trial].test = metrics
            case Tracked(trial, run_id):
                self._note_run(trial, run_id)
            case Resumed():
                self.ended = self.awaiting = None
                self.interrupt()
            case Loaded(dtype):
                self.dtype = dtype
            case Metered() | SetAside():
                pass  # trackers show it; the search does not depend on it
            case Awaiting(what):
                self.awaiting = what
            case Extended(trials):
                self.extended += trials * self.job.task.folds
            case LimitReached():
                self.limit = event
            case Refused():
                pass  # whoever asked wants to know
            case Ended():
                self.ended, self.awaiting = event, None
                self.interrupt()
            case _:
                assert_never(event)

    def interrupt(self) -> None:
        """Note that no process runs the search: trials that it left on an engine are interrupted."""
        for trial in self.trials.values():
            if trial.status == "running":
                trial.status = "interrupted"

    @property
    def worked_s(self) -> float:
        """Seconds that processes have spent on the search, from the first event to the latest."""
        return (self.last_at or 0.0) - (self.started_at or 0.0) - self.rested_s

    @property
    def status(self) -> SearchStatus:
        """How the search stands while no process runs it: interrupted until it has ended."""
        return "interrupted" if self.ended is None else self.ended.status

    @property
    def statuses(self) -> dict[str, int]:
        """How many trials have each status."""
        return dict(Counter(trial.status for trial in self.trials.values()))

    @property
    def best(self) -> TrialRecord | None:
        """The best trial, if any trial has a result; with folds, the best one of the configuration that leads."""
        ranked, leading = self.ranked(), self.leading
        return next((trial for trial in ranked if leading is None or trial in leading.trials), None)

    @property
    def leader(self) -> TrialRecord | None:
        """The trial that trains to its horizon whatever limit is reached: the best one.

        Where dev grows, it is the best of those that are not cut short, if there are any.
        """
        best = self.best
        if best is None or not best.is_cut_short:
            return best
        return next((trial for trial in self.ranked() if not trial.is_cut_short), best)

    @property
    def leading(self) -> Configuration | None:
        """With folds, the best configuration, if any has a result."""
        if self.first is None or self.job.task.folds == 1:
            return None
        return next(iter(self.configurations()), None)

    @property
    def best_value(self) -> float | None:
        """The value by which a search is judged: the best trial's; with folds, the leading configuration's mean."""
        if (leading := self.leading) is not None:
            return leading.spread.mean
        return None if (best := self.best) is None else best.best_value

    @property
    def best_result(self) -> BestResult | None:
        """The best trial's report of its best epoch, if any trial has a result; with folds, the mean of its folds'."""
        best, leading = self.best, self.leading
        if best is None:
            return None
        metrics = best.best_report if leading is None else leading.mean_report
        return BestResult(best.number, best.config, metrics, best.kept_epoch)

    @property
    def majority_baseline(self) -> float | None:
        """What always giving the commonest answer scores on dev, the mean of all few-shot draws; None if unknown."""
        return mean_of_draws((trial.config, trial.best_report) for trial in self.compared())

    def ranked(self) -> list[TrialRecord]:
        """Trials with a finite result, best first, see `ptune.record.ranking`. Failed trials are left out."""
        return ranked(self.trials.values(), "best" if self.objectives is None else self.objectives.choose)

    def compared(self) -> list[TrialRecord]:
        """Those of the ranked trials that are scored on as much of dev as the best one, best first."""
        ranked = self.ranked()
        return [trial for trial in ranked if trial.dev_examples == ranked[0].dev_examples]

    @property
    def dev_examples(self) -> int | None:
        """On how many dev examples the best value is, if on a part of them; None for all of dev, or without any."""
        return None if (best := self.best) is None else best.dev_examples

    @property
    def objectives(self) -> Objectives | None:
        """What counts beside the objective."""
        return None if self.first is None else self.job.objectives

    @property
    def front(self) -> Front | None:
        """The trials that no other one beats; None where one objective counts alone, or none has a result."""
        return front(self.trials.values()) if self.objectives is not None and self.objectives.beside else None

    def configurations(self) -> list[Configuration]:
        """Ranked trials, those of one configuration together; best mean first, ties go to the earlier configuration.

        With folds, configurations that were not stopped on any of them come before all others. With several objectives,
        the configuration of the best trial comes first.
        """
        alone = self.objectives is None or not self.objectives.beside
        return grouped(self.ranked(), self.job.task.folds if self.first is not None else 1, by_mean=alone)

    def _check_metric(self, report: Reported) -> None:
        metric = self.objective.metric
        if metric not in report.metrics:
            ends = self.job.budget.in_epochs(report.epoch)
            raise JournalError(f"trial {report.trial} reports epoch {ends} without {metric}")

    def _take_suggestion(self, event: Suggested) -> None:
        config = in_order(event.config, self.header.varied)
        added = event.request is not None
        per_epoch = self.job.budget.reports_per_epoch
        self.suggested += not added
        self.trials[event.trial] = TrialRecord(
            event.trial,
            config,
            self.objective.keeping(config.get("keep_epoch"), per_epoch),
            added=added,
            cloned=event.cloned,
            warm=event.warm,
            inherited=event.inherits,
            epochs_before=self._epochs_before(event),
            strange=strange(config, self.job.space) if added else (),
            objectives=self.job.objectives,
            reports_per_epoch=per_epoch,
        )

    def _epochs_before(self, event: Suggested) -> float:
        """Epochs that have trained what a new trial begins with."""
        if event.inherits is not None:
            return event.inherits.epochs
        source = self.trials.get(event.cloned) if event.warm and event.cloned is not None else None
        return source.learned_epochs if source is not None and source.reports else 0

    def _take_report(self, report: Reported) -> None:
        record = self.trials[report.trial]
        record.reports.append(report.metrics)
        record.state = report.state

    def _note_run(self, trial: int | None, run_id: str) -> None:
        if trial is None:
            self.run_id = run_id
        else:
            self.trials[trial].run_id = run_id
