"""The limits of a budget, beside its number of trials: whether a search has reached one, and what still fits.

Everything is counted from a journal's events, so a search that is resumed decides as it would have. What users have
asked for is not counted: they have asked for it beside the budget.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ptune.record.constant import is_constant
from ptune.record.dev_part import scored_on
from ptune.record.events import Event, Finished, LimitReached, Metered, Reported, Resumed, Started
from ptune.record.history import FINAL, History, TrialRecord
from ptune.spec.budget import MOST_TRIALS, Budget

EPOCHS, HOURS, DEVICE_HOURS = "epochs_total", "hours", "device_hours"
_SLACK = 1.1
"""A leader that is new when time is up may take the search this far beyond its limit."""
_HOUR_S = 3600.0


@dataclass
class _Span:
    """When an engine was first and last heard of, in seconds since 1970."""

    first: float
    last: float = 0.0


class Limits:
    """How much of its budget a search has used.

    Args:
        budget: the budget.
        history: the search so far, live; empty at first.
        devices: of each engine.
    """

    def __init__(self, budget: Budget, history: History, devices: int = 1) -> None:
        self._budget = budget
        self._devices = devices
        self._history = history
        self._per_epoch = budget.reports_per_epoch
        self._total = None if budget.epochs_total is None else budget.epochs_total * self._per_epoch
        self._reports = 0
        self._best: float | None = None  # of the reports that are scored on the most of dev so far
        self._best_on = 0.0  # how many examples these are
        self._since_best = 0
        self._training: set[int] = set()
        self._engines: dict[int, _Span] = {}
        self._began: float | None = None  # the first turn of this process
        self._past_s = 0.0  # of the engines of earlier processes

    def take(self, event: Event) -> None:
        """Take in the next event, which the history has taken in already."""
        match event:
            case Started(trial, time=time):
                self._training.add(trial)
                self._began = time if self._began is None else self._began
            case Metered(engine, time=time):
                self._engines.setdefault(engine, _Span(self._began or time)).last = time
            case Resumed():
                self._past_s, self._engines, self._began = self._devices_s, {}, None  # engines are counted from 0 again
            case Reported(trial):
                self._count(trial)
                self._compare(self._history.trials[trial])
            case Finished(trial, status="failed") if trial in self._training:
                self._count(trial)  # the epoch that it failed in

    def reached(self) -> LimitReached | None:
        """A limit that the search has reached; the one of epochs is reached when something does not fit any more.

        A target is reached on all of dev. Patience takes a report on more of dev than any before for a better one.
        Time is up while the leader still has what it needs to its horizon, at its own pace.
        """
        budget, objective = self._budget, self._history.objective
        if (limit := self._out_of_time()) is not None:
            return limit
        best = self._best if self._best_on == math.inf else None
        if budget.target is not None and best is not None and not objective.is_better(budget.target, best):
            return LimitReached("target", f"{objective.metric} has reached the target of {budget.target:g}")
        if budget.patience is not None and self._since_best >= budget.patience * self._per_epoch:
            return LimitReached("patience", f"{objective.metric} has not got better in {budget.patience} epochs")
        return None

    def cuts(self, trial: TrialRecord) -> str | None:
        """Why a trial has to end although no rung says so: it always answers alike, or a limit is reached.

        The leader goes on and, unless time is up, so do those that have left a rung already. The limit of epochs ends
        none: it has counted every turn up to its end.
        """
        if self.is_hopeless(trial):
            return "it has given every dev example the same answer so far"
        if not self._cuts or trial.added or self._may_climb(trial):
            return None
        has_left_a_rung = any(rung <= trial.epoch for rung in self._budget.rungs)
        return None if has_left_a_rung and not self._time_is_up else self.reason

    def is_hopeless(self, trial: TrialRecord) -> bool:
        """Whether a trial of the search's own has answered alike for as long as the budget lets one."""
        least = self._budget.constant_epochs
        if least is None or trial.added or trial.epoch < least * self._per_epoch:
            return False
        return all(map(is_constant, trial.reports))

    @property
    def reason(self) -> str:
        """What has been reached, in words; a limit has."""
        assert self._history.limit is not None, "only who is held up by a limit asks"
        return self._history.limit.reason

    @property
    def _cuts(self) -> bool:
        """Whether a limit is reached that counts no turns beforehand."""
        return self._history.limit is not None and self._history.limit.limit != EPOCHS

    @property
    def _time_is_up(self) -> bool:
        return self._history.limit is not None and self._history.limit.limit in (HOURS, DEVICE_HOURS)

    @property
    def used_up(self) -> LimitReached:
        """That nothing fits into the epochs that are left."""
        return LimitReached(EPOCHS, f"no further trial fits into {self._budget.epochs_total} epochs")

    def fits(self, trial: TrialRecord | None, under_way: Iterable[TrialRecord], leader: TrialRecord | None) -> bool:
        """Whether a trial's next turn fits into what is left. After another limit, only that of the best trial does.

        The trials that are under way are counted as far as their turns may go. The best trial has to fit as well, up
        to its horizon. While trials begin, any of them may turn out to be the best.

        Args:
            trial: the trial; None is one that has not begun.
            under_way: the trials under way. The trial itself may be among them.
            leader: the search's leader, once it drains; None before. The others are then let on only if they fit up to
                their horizons, since each of them may still become the best.
        """
        if trial is not None and trial.added:
            return True
        if self._cuts:
            return trial is not None and self._may_climb(trial)
        if self._total is None:
            return True
        others = [record for record in under_way if record is not trial and not record.added]
        if leader is None:
            return self._turn(trial) <= self._room(others)
        climbing = {record.number: record for record in (*others, leader, trial or leader) if not record.added}
        return self._reports + sum(map(self._climb, climbing.values())) <= self._total

    def new_trials(self, under_way: Iterable[TrialRecord]) -> int:
        """How many trials could begin beside those under way."""
        if self._total is None:
            return MOST_TRIALS
        return max(0, self._room(record for record in under_way if not record.added) // self._turn(None))

    def _room(self, under_way: Iterable[TrialRecord]) -> int:
        """Reports that are left beside the turns under way, and beside what takes one trial to the horizon."""
        assert self._total is not None, "only a total has room"
        held = sum(self._turn(record) for record in under_way)
        return self._total - self._reports - held - (self._budget.horizon - self._budget.stretches[0])

    @property
    def _devices_s(self) -> float:
        return self._past_s + self._devices * sum(span.last - span.first for span in self._engines.values())

    def _may_climb(self, trial: TrialRecord) -> bool:
        """Whether a trial goes on to its horizon after a limit: the leader does, if that takes hardly too long."""
        return trial is self._history.leader and self._out_of_time(_SLACK) is None

    def _out_of_time(self, slack: float = 1.0) -> LimitReached | None:
        """The limit of time, times some slack, that what the leader needs to its horizon would break."""
        hours, device_hours = self._budget.hours, self._budget.device_hours
        if hours is not None and self._history.worked_s + self._climb_s >= slack * hours * _HOUR_S:
            return LimitReached(HOURS, f"its {hours:g} hours are used up")
        if device_hours is not None:
            needed_s = self._devices_s + self._devices * self._climb_s
            if needed_s >= slack * device_hours * _HOUR_S:
                return LimitReached(DEVICE_HOURS, f"its {device_hours:g} hours of devices are used up")
        return None

    @property
    def _climb_s(self) -> float:
        """Seconds that the leader needs to its horizon."""
        leader = self._history.leader
        if leader is None:
            return 0.0
        return self._climb(leader) * sum(report.get("seconds", 0.0) for report in leader.reports) / leader.epoch

    def _compare(self, trial: TrialRecord) -> None:
        """Note a trial's latest report, if none is better that is of as much of dev."""
        value, on = self._history.objective.best(trial.values[-1:]), scored_on(trial.reports[-1])
        if value is None or on < self._best_on:
            return
        if self._best is None or on > self._best_on or self._history.objective.is_better(value, self._best):
            self._best, self._best_on, self._since_best = value, on, 0

    def _count(self, trial: int) -> None:
        own = not self._history.trials[trial].added
        self._reports += own
        self._since_best += own

    def _turn(self, trial: TrialRecord | None) -> int:
        """Reports until a trial's turn may end."""
        if trial is None:
            return self._budget.stretches[0]
        ends = (*self._budget.rungs, self._history.horizon(trial))
        return next((end for end in ends if end > trial.epoch), trial.epoch) - trial.epoch

    def _climb(self, trial: TrialRecord) -> int:
        """Reports until a trial's horizon; none for one that has ended."""
        return 0 if trial.status in FINAL else self._history.horizon(trial) - trial.epoch
