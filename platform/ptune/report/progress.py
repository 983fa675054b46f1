"""How far a search is and when it may be done, from its journal's events.

Under successive halving nobody knows which trials go on, but their number can be estimated: at least those that already
have, and about one in eta of those that reach a rung. Their epochs are expected to take as long as the latest ones. One
trial makes the last climb to the horizon alone, and the other slots are idle meanwhile. This costs nothing where slots
share a busy device, and the whole climb where each has a device's time to itself, so half of the climb is added. The
result is a guess and always shown with a `~`. It is made at every report and counts down until the next. When reports
stay away for much longer than they ever did, there is no guess. The module is pure: the caller has the clock.
"""

from __future__ import annotations

from collections import Counter, deque
from itertools import pairwise

from ptune.record.events import Event, Finished, Header, Reported, Resumed, Started
from ptune.record.history import FINAL, Answer, History, TrialRecord
from ptune.spec.budget import Budget

_WINDOW = 40  # epochs the pace is measured over: long enough to even out slow and fast trials
_PATIENCE = 3.0  # how many times as long as the longest wait of the window a wait may take
_NO_WAIT_S = 5.0  # what nobody notices as a wait


class Progress:
    """A search being watched: its history, its pace and its latest movements.

    Attributes:
        history: the search so far.
        since: seconds since 1970 when the process that runs the search began it or took it up; None before.
        answered: the latest answer to a request of a user.
        latest: trials in the order in which they last reported or ended, the latest last.
    """

    def __init__(self) -> None:
        self.history = History()
        self.since: float | None = None
        self.answered: Answer | None = None
        self.latest: dict[int, None] = {}
        self._times: deque[float] = deque(maxlen=_WINDOW + 1)

    def apply(self, event: Event) -> None:
        """Take in the next event of the journal."""
        self.history.apply(event)
        if isinstance(event, Answer) and event.request is not None:
            self.answered = event
        match event:
            case Header() | Resumed():
                self.since = event.time
                self._times.clear()
            case Started() if not self._times:
                self._times.append(event.time)
            case Reported(trial):
                self._times.append(event.time)
                self._touch(trial)
            case Finished(trial):
                self._touch(trial)

    @property
    def budget(self) -> Budget:
        """The job's budget; known once the search has begun."""
        return self.history.job.budget

    @property
    def planned(self) -> int:
        """Trials that the search will have, as far as is known."""
        planned = self.history.planned
        return len(self.history.trials) if planned is None else planned

    @property
    def epochs_done(self) -> int:
        """Reports of all trials: epochs, or the parts of epochs that the budget names."""
        return sum(trial.epoch for trial in self.history.trials.values())

    def in_epochs(self, reports: int) -> float:
        """A number of reports, in epochs."""
        return self.budget.in_epochs(reports)

    def statuses(self) -> Counter[str]:
        """How many trials have each status."""
        return Counter(str(trial.status) for trial in self.history.trials.values())

    def rungs(self) -> list[tuple[int, int]]:
        """Each rung and the horizon, with the number of trials that have got that far; failed ones are not counted."""
        budget = self.budget
        alive = [trial for trial in self.history.trials.values() if trial.status != "failed"]
        edges = budget.stretches
        return [(edge, sum(trial.epoch >= edge for trial in alive)) for edge in edges]

    def epochs_left(self) -> int:
        """Epochs still expected; 0 once every planned trial is final."""
        budget, history = self.budget, self.history
        expected = [] if history.planned is None and budget.sampler != "grid" else [self._epochs_of_planned()]
        if budget.epochs_total is not None:
            expected.append(max(0, budget.epochs_total * budget.reports_per_epoch - self.epochs_done))
        if budget.hours is not None and history.limit is None and self.epochs_done and history.worked_s:
            expected.append(max(1, round(self.epochs_done * (budget.hours * 3600 / history.worked_s - 1))))
        return min(expected or [self._epochs_of_planned()])

    def _epochs_of_planned(self) -> int:
        """Epochs that the planned trials are expected to take yet."""
        budget = self.budget
        trials = self.history.trials.values()
        alive = [trial for trial in trials if trial.status != "failed"]
        if self.history.ended or (len(trials) >= self.planned and all(trial.status in FINAL for trial in trials)):
            return 0
        if not budget.rungs:
            return self._epochs_to_horizons(alive)
        expected = self.planned - (len(trials) - len(alive))
        to_come = 0
        for start, end in pairwise((0, *budget.stretches)):
            if start > 0:
                entered = sum(_is_past(trial, start) for trial in alive)
                expected = max(entered, budget.stopping.survivors(expected, start, budget.horizon))
            done = sum(min(max(trial.epoch - start, 0), end - start) for trial in alive)
            to_come += max(0, expected * (end - start) - done)
        return to_come

    def _epochs_to_horizons(self, alive: list[TrialRecord]) -> int:
        """Epochs still expected without rungs: each trial has its horizon, and new trials resemble those that began."""
        begun = [self.history.horizon(trial) for trial in self.history.trials.values()]
        typical = sum(begun) / len(begun) if begun else self.budget.horizon
        epochs = sum(self.history.horizon(trial) - trial.epoch for trial in alive)
        return epochs + round(max(0, self.planned - len(begun)) * typical)

    def seconds_left(self, now: float) -> float | None:
        """Seconds that the epochs still expected take at the present pace, less those since the latest report.

        Returns:
            None while there is no pace yet, and when reports have stayed away for longer than the estimate or for much
            longer than they ever did; see `waited`.
        """
        estimate, waited = self._estimate(), self.waited(now)
        if waited is None or not estimate:
            return estimate
        longest = max(after - before for before, after in pairwise(self._times))
        is_usual = waited < estimate and waited <= max(_NO_WAIT_S, _PATIENCE * longest)
        return estimate - waited if is_usual else None

    def waited(self, now: float) -> float | None:
        """Seconds since the latest report; None while there is no pace yet."""
        return None if self._estimate() is None else max(0.0, now - self._times[-1])

    def _estimate(self) -> float | None:
        """Seconds that were left at the latest report; None while there is no pace yet."""
        if self.epochs_left() == 0:
            return 0.0
        if len(self._times) < 2 or self._times[-1] <= self._times[0]:
            return None
        pace = (self._times[-1] - self._times[0]) / (len(self._times) - 1)
        return self.epochs_left() * pace + self._idle_climb()

    def _idle_climb(self) -> float:
        """Half of what the other slots lose while one trial goes from the last rung to the horizon, in seconds."""
        edges = [edge for edge, _ in self.rungs()]
        latest = next((self.history.trials[number] for number in reversed(self.latest)), None)
        if len(edges) == 1 or latest is None or not latest.reports:
            return 0.0
        slots = self.history.job.resources.slots
        climb = min(edges[-1] - edges[-2], self.epochs_left())
        return (1 - 1 / slots) / 2 * climb * float(latest.reports[-1].get("seconds", 0.0))

    def _touch(self, trial: int) -> None:
        self.latest.pop(trial, None)
        self.latest[trial] = None


def _is_past(trial: TrialRecord, rung: int) -> bool:
    """Whether a trial has gone on from a rung: trained beyond it, or is training there."""
    return trial.epoch > rung or (trial.epoch == rung and trial.status in ("running", "interrupted"))
