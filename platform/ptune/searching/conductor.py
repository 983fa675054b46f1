"""The conductor of a search: who trains next, how far, and what became of it.

A search is suggestions, turns and decisions. A *turn* is a stretch of one trial's training, from its last saved epoch
to the rung where it has to give way or to the horizon. Whoever runs engines asks the conductor for turns and hands it
what they report; the conductor appends each step to the journal first, then to the history, the
study and the rungs, which are all projections of the journal. Given a journal cut anywhere, it goes on from there.
Knows neither torch nor ray, no clock and no MLflow; used by one thread.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from ptune.errors import SpecError
from ptune.record.events import (
    Event,
    Extended,
    FinalStatus,
    Finished,
    Metered,
    Metrics,
    Paused,
    Refused,
    Reported,
    SetAside,
    Started,
    Suggested,
    Tested,
)
from ptune.record.history import FINAL, REJECTED, History, TrialRecord
from ptune.record.journal import Journal
from ptune.record.requests import Add, Clone, End, Extend, Request, Stop
from ptune.searching.by_front import RungPlaces
from ptune.searching.folds import next_point
from ptune.searching.limits import Limits
from ptune.searching.parents import Keep, Parents, nothing_kept
from ptune.searching.population import population_of
from ptune.searching.reports import report_problem
from ptune.searching.requested import judge, point_of
from ptune.searching.scheduler import scheduler_of
from ptune.searching.study import Study
from ptune.searching.turn import Decision, Turn, as_it_stands
from ptune.spec import grid
from ptune.spec.budget import MOST_TRIALS
from ptune.spec.configuration import complete

_LOG = logging.getLogger(__name__)


class Conductor:
    """Decides a search, step by step, and keeps its record.

    Stated configurations come first: the baseline points, or the whole grid; the sampler proposes what is left.

    Args:
        journal: where every step is appended. What happens to trials is written here; the header and what happens to
            the search as a whole is written by whoever runs it.
        events: what the journal holds already, from its header on. Trials that were under way are handed out first,
            paused ones stay paused, and a step that a crash left half done is completed.
        keep: keeps what a new trial inherits, where trials do; see `ptune.searching.parents`.

    Raises:
        JournalError: the events begin without a header, or do not follow from each other.
        SpecError: the job's space does not fit the backbone.
    """

    history: History
    """The search so far, live."""

    def __init__(self, journal: Journal, events: Sequence[Event], keep: Keep = nothing_kept) -> None:
        header = History.of(events[:1]).header
        self._journal = journal
        self._job = job = header.job
        self._layers = header.backbone.layers
        self._space = job.space.resolved(self._layers)
        self._stated = grid.points(self._space) if job.budget.sampler == "grid" else self._space.baseline
        self._budget = len(self._stated) if job.budget.sampler == "grid" else MOST_TRIALS
        self._budget = (self._budget if job.budget.trials is None else job.budget.trials) * job.task.folds
        self._rungs = job.budget.rungs
        self.history = History()
        self._scheduler = scheduler_of(job.budget, self.history)
        self._places = RungPlaces(self._scheduler, alone=job.objectives is None)
        self._in_flight: set[int] = set()
        self._unfinished: deque[int] = deque()
        self._left_at: dict[int, int] = {}  # by trial, after how many reports its latest turn began
        self._draining = False
        self._final = 0
        self._limits = Limits(job.budget, self.history, job.resources.gpus_per_engine)
        for event in events:
            self._fold(event)
        self.history.interrupt()
        folds = job.task.folds
        configurations = min(self._budget // folds, job.budget.most_trials)
        self._study = Study(self._space, job.budget, job.seed, configurations, folds, job.objectives)
        self._study.replay(self.history)
        self._parents = Parents(self.history, keep, population_of(self.history, self._space, configurations))
        self._look_at_limits()
        self._take_up()

    @property
    def done(self) -> bool:
        """Whether every trial that the budget has room for, and every one that users have asked for, is final."""
        return self._all_suggested and self._final == len(self.history.trials)

    @property
    def waiting(self) -> int:
        """Trials that could begin a turn now; those that a rung may let go on later are not counted."""
        return len(self._unfinished) + max(0, min(self._to_suggest, self._limits.new_trials(self._under_way)))

    def next_turn(self) -> Turn | None:
        """Hand out the next turn; None when there is none at present, or for good (see `done`).

        Trials a previous process left under way come first, then promotions from the highest rung down, then a new
        suggestion. When the budget is used up and none is under way, the leaders of every rung go on to the horizon.
        """
        trial = self._next_trial()
        if trial is None:
            return None
        record = self.history.trials[trial]
        self._in_flight.add(trial)
        self._append(Started(trial, record.epoch))
        return Turn(trial, record.config, record.epoch)

    def report(self, trial: int, epoch: int, metrics: Metrics, state: str) -> Decision:
        """Take in a trial's next report, after an epoch or a part of one, and say how it goes on.

        A report that is known, or for a trial that is not under way, changes nothing and is answered with
        how the trial stands. A trial whose metric or loss is not finite, or that skips a report, ends as failed.

        Args:
            trial: the trial's number.
            epoch: reports made, this one included.
            metrics: of this report; holds the job's metric by its name.
            state: file of the state saved with it, relative to the search's folder.
        """
        record = self.history.trials[trial]
        if record.status not in ("waiting", "running") or epoch <= record.epoch:
            return as_it_stands(record)
        problem = report_problem(record, epoch, metrics)
        if problem is not None:
            self.fail(trial, problem)
            return "finish"
        self._append(Reported(trial, epoch, metrics, state))
        self._study.take(record, epoch)
        self._look_at_limits()
        decision = self._decide(record)
        if decision != "continue":
            self._release(trial)
        return decision

    def fail(self, trial: int, reason: str) -> None:
        """End one trial as failed; a trial that is final already stays as it is."""
        if self.history.trials[trial].status not in FINAL:
            self._finish(trial, "failed", reason)
            self._release(trial)

    def tested(self, trial: int, metrics: Metrics) -> None:
        """Take in what a final trial scores on the test split; nothing is decided by it."""
        self._append(Tested(trial, metrics))

    def set_aside(self, damaged: Sequence[SetAside]) -> None:
        """Take in which saved states of a trial could not be used; the epochs after them are trained again."""
        for event in damaged:
            self._append(event)
            _LOG.warning(
                "ptune: a saved state of trial %d is damaged and set aside (%s: %s); the trial goes on from epoch %s",
                event.trial,
                event.file,
                event.reason,
                self.history.trials[event.trial].in_epochs(event.epoch),
            )

    def answer(self, request: Request) -> None:
        """Meet a request of a user, or refuse it; one that the journal answers already is done.

        The end of the search is nothing that a conductor decides: whoever runs it does.
        """
        if request.id in self.history.answers:
            return
        try:
            judge(request.change, self.history)
        except SpecError as error:
            self.refuse(request, str(error))
            return
        match request.change:
            case Add() | Clone() as change:
                self._add(request.id, change)
            case Stop(trial):
                self._finish(trial, "stopped", "stopped by the user", request.id)
                self._release(trial)
            case Extend(trials):
                self._append(Extended(trials, request.id))
                self._draining = False
            case End():
                pass
            case _:
                assert_never(request.change)

    def refuse(self, request: Request, reason: str) -> None:
        """Answer a request that cannot be met."""
        self._append(Refused(request.id, reason))

    def metered(self, engine: int, usage: Metrics) -> None:
        """Take in what an engine takes of its machine; nothing is decided by it."""
        self._append(Metered(engine, usage))

    @property
    def _to_suggest(self) -> int:
        """How many trials the search has yet to suggest itself, as far as its number of trials says."""
        history = self.history
        return 0 if history.limit is not None else self._budget + history.extended + history.spared - history.suggested

    @property
    def _all_suggested(self) -> bool:
        return self._to_suggest <= 0

    def _next_trial(self) -> int | None:
        if self._unfinished:
            return self._unfinished.popleft()
        promotion = self._promotion()
        if promotion is not None:
            return promotion
        suggestion = self._suggest()
        if suggestion is not None:
            return suggestion
        self._settle()
        return self._promotion()

    def _promotion(self) -> int | None:
        """The trial that goes on from its rung now."""
        record = self._promotable()
        return record.number if record is not None and self._fits(record) else None

    def _promotable(self) -> TrialRecord | None:
        """The trial that is to go on from its rung next; where a limit has been reached, the leader goes first."""
        leader = self._leader
        if leader is not None and leader.status == "paused":
            return leader
        promotion = self._scheduler.promotable(self._draining)
        record = None if promotion is None else self.history.trials[promotion[0]]
        return record if record is not None and record.status == "paused" else None

    def _suggest(self) -> int | None:
        """Draw new trials until one breaks no law; None when the budget is used up, or a promotion waits for room."""
        while not self._all_suggested and self._promotable() is None and self._fits(None):
            number, own = len(self.history.trials), self.history.suggested
            point, fold = next_point(self.history, self._stated)
            point, inherits = self._parents.child(number, own) if point is None else (point, None)
            chosen = {**self._study.ask(number, point, [own]), **fold}
            if self._take_on(Suggested(number, chosen, inherits=inherits)):
                return number
        return None

    def _add(self, request: str, change: Add | Clone) -> None:
        """Let a trial that a user has asked for be the next to begin."""
        number = len(self.history.trials)
        point = point_of(change, self.history)
        chosen = {**point, **self._study.ask(number, point, [number, 1])}
        parent, warm = (change.trial, change.warm) if isinstance(change, Clone) else (None, False)
        if self._take_on(Suggested(number, chosen, request, parent, warm)):
            self._unfinished.append(number)
        self._draining = False
        self._settle()

    def _take_on(self, suggestion: Suggested) -> bool:
        """Note a new trial; whether it breaks no law and can train."""
        try:
            config = complete(suggestion.config, self._job, self._layers)
        except SpecError as error:
            self._append(suggestion)
            self._finish(suggestion.trial, "failed", f"{REJECTED}{error}")
            return False
        inherits = suggestion.inherits
        if inherits is None and suggestion.request is None:
            inherits = self._parents.inherited(suggestion.trial, config)
        self._append(replace(suggestion, config=config, inherits=inherits))
        return True

    def _decide(self, record: TrialRecord) -> Decision:
        """Say how a trial goes on after its latest epoch, and note it."""
        trial, epoch = record.number, record.epoch
        if epoch >= self.history.horizon(record):
            self._finish(trial, "complete")
            return "finish"
        if (reason := self._limits.cuts(record) or self._scheduler.ends(trial, epoch)) is not None:
            self._finish(trial, "stopped", f"stopped after epoch {record.trained_epochs}: {reason}")
            return "finish"
        if epoch not in self._rungs or self._left_at.get(trial) == epoch:
            return "continue"
        if self._goes_on(record):
            self._scheduler.promote(trial, epoch)
            return "continue"
        self._append(Paused(trial, epoch))
        return "pause"

    def _goes_on(self, record: TrialRecord) -> bool:
        """Whether a trial at a rung need not wait there."""
        if record is self._leader:
            return True
        return self._scheduler.goes_on(record.number, record.epoch, self._draining) and self._fits(record)

    @property
    def _leader(self) -> TrialRecord | None:
        """The trial that goes before all others in a search that drains because it has reached a limit."""
        return self.history.leader if self._draining and self.history.limit is not None else None

    def _fits(self, record: TrialRecord | None) -> bool:
        """Whether a trial's next turn, or a new trial's first, fits into the budget."""
        return self._limits.fits(record, self._under_way, self._leader)

    @property
    def _under_way(self) -> list[TrialRecord]:
        return [self.history.trials[number] for number in {*self._in_flight, *self._unfinished}]

    def _look_at_limits(self) -> None:
        """Note that the search has reached a limit."""
        limit = None if self.history.limit is not None else self._limits.reached()
        if limit is not None:
            self._append(limit)

    def _release(self, trial: int) -> None:
        self._in_flight.discard(trial)
        if trial in self._unfinished:
            self._unfinished.remove(trial)
        self._settle()

    def _settle(self) -> None:
        """When nothing is under way or left to suggest: drain the rungs, then stop the trials that stay behind."""
        if self._in_flight or self._unfinished:
            return
        if not self._all_suggested:
            if self._fits(self._promotable()):
                return
            self._append(self._limits.used_up)
        self._draining = True
        if self._promotion() is not None:
            return
        if self.history.limit is None and self._promotable() is not None:  # one leads its rung and does not fit
            self._append(self._limits.used_up)
            if self._promotion() is not None:  # the best trial, for which there is room
                return
        for record in self.history.trials.values():
            if record.status == "paused":
                leads = self._scheduler.goes_on(record.number, record.epoch, drain=True)
                reason = self._limits.reason if leads else self._scheduler.reason(record.epoch)
                rung = record.trained_epochs
                self._finish(record.number, "stopped", f"stopped at the rung of epoch {rung}: {reason}")

    def _finish(self, trial: int, status: FinalStatus, reason: str | None = None, request: str | None = None) -> None:
        self._append(Finished(trial, status, reason, request))
        self._study.tell(trial, status)

    def _append(self, event: Event) -> None:
        self._fold(self._journal.append(event))

    def _fold(self, event: Event) -> None:
        """Take an event into the history and the rungs."""
        self.history.apply(event)
        self._limits.take(event)
        match event:
            case Started(trial, epoch):
                self._left_at[trial] = epoch
                if epoch in self._rungs:
                    self._scheduler.promote(trial, epoch)
            case Reported(trial, epoch):
                self._fold_rungs(trial, epoch)
            case Finished(trial, status, request=request):
                self._final += 1
                if status == "failed" or request is not None or self._leaves_rungs(self.history.trials[trial]):
                    self._places.discard(trial)

    def _leaves_rungs(self, record: TrialRecord) -> bool:
        """Whether others rank at the rungs as if a trial that has ended had never been there: it could not go on."""
        is_short = record.status == "complete" and record.epoch < self._job.budget.horizon
        return is_short or self._limits.is_hopeless(record)

    def _fold_rungs(self, trial: int, epoch: int) -> None:
        if epoch in self._rungs and (standing := self.history.trials[trial].standing) is not None:
            self._places.record(trial, epoch, standing)
        for rung in self._rungs:
            if rung < epoch:
                self._scheduler.promote(trial, rung)

    def _take_up(self) -> None:
        """Queue the trials a previous process left under way, and complete what it left half done."""
        for record in list(self.history.trials.values()):
            if record.status not in ("waiting", "interrupted"):
                continue
            try:
                complete(record.config, self._job, self._layers)
            except SpecError as error:  # the process died between suggesting and rejecting it
                self._finish(record.number, "failed", f"{REJECTED}{error}")
                continue
            if self._decide(record) == "continue":
                self._unfinished.append(record.number)
        self._settle()
