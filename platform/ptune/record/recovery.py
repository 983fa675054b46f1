"""What can be kept of a damaged journal. Pure: knows lines and events, neither files nor states.

A line that is damaged, or that does not follow from those before, is lost. So is what depends on a lost line: the
epochs of a trial after a lost one, and with them how it ended. The search takes them up again, from the trial's saved
state. A configuration is found again in that state; a trial without one ends as failed, so that the others keep their
numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ptune.errors import JournalError
from ptune.record.events import (
    Ended,
    Event,
    Finished,
    Header,
    Paused,
    Reported,
    SetAside,
    Started,
    Suggested,
    Tested,
    Tracked,
    decode,
    encode,
)
from ptune.record.history import FINAL, History
from ptune.spec.job import Job

Known = Callable[[int, Job], Suggested | None]
"""The suggestion of a trial of a job that is lost here, from what is known elsewhere; None where nobody knows it."""
_OF_TRIALS = (Suggested, Started, Reported, Paused, Finished, Tested, SetAside, Tracked)


@dataclass(frozen=True)
class Lost:
    """A line that cannot be kept."""

    line: int
    """Its number, from 1."""
    reason: str


@dataclass
class Recovery:
    """A journal as far as it can be kept."""

    history: History = field(default_factory=History)
    """What is kept."""
    lines: list[bytes] = field(default_factory=list)
    """The journal to write."""
    lost: list[Lost] = field(default_factory=list)
    restored: list[int] = field(default_factory=list)
    """Trials whose lost configuration was found again."""
    given_up: list[int] = field(default_factory=list)
    """Trials that end as failed, because their configuration is lost."""

    @property
    def is_whole(self) -> bool:
        """Whether the journal stays as it is."""
        return not (self.lost or self.restored or self.given_up)


def recover(content: bytes, known: Known) -> Recovery:
    """Sort a journal's lines into what is kept and what is lost. A torn last line is neither, as for every reader.

    Args:
        content: the journal, byte for byte.
        known: looks for lost configurations.

    Raises:
        JournalError: the first line, which says what is searched, is damaged; nothing can be kept without it.
    """
    lines = content.split(b"\n")[:-1]
    events = [_decoded(line) for line in lines]
    if events and not isinstance(events[0], Header):
        raise JournalError("its first line, which says what is searched, is damaged, so nothing can be recovered")
    walk = _Walk({event.trial for event in events if isinstance(event, Suggested)}, known)
    for number, (line, event) in enumerate(zip(lines, events, strict=True), 1):
        if isinstance(event, str):
            walk.recovery.lost.append(Lost(number, event))
        else:
            walk.take(number, line + b"\n", event)
    if not walk.recovery.is_whole:
        _reopen(walk.recovery)
    return walk.recovery


class _Walk:
    """One pass over the events of a journal, oldest first."""

    def __init__(self, suggested: set[int], known: Known) -> None:
        self.recovery = Recovery()
        self._suggested = suggested
        self._known = known
        self._cut: dict[int, str] = {}  # trials of which only the runs are kept from here on, and why

    def take(self, number: int, line: bytes, event: Event) -> None:
        """Keep a line, or note why it is lost."""
        reason = self._reason(event)
        if reason is None:
            self.recovery.lines.append(line)
        else:
            self.recovery.lost.append(Lost(number, reason))

    def _reason(self, event: Event) -> str | None:
        """Why an event is lost; None for one that is kept, which the history has then."""
        history = self.recovery.history
        if isinstance(event, Header) and history.first is not None:
            return "it says a second time what is searched"
        trial = _trial_of(event)
        if trial is not None:
            self._fill(trial if isinstance(event, Suggested) else trial + 1)
            if trial in self._cut and not isinstance(event, Tracked):
                return self._cut[trial]
        if _rests_on_more(event, history):
            assert trial is not None, "only a trial has epochs"
            self._cut[trial] = f"it follows a lost epoch of trial {trial}"
            return self._cut[trial]
        try:
            history.apply(event)
        except JournalError as error:
            if isinstance(event, Reported) and event.trial in history.trials:
                self._cut.setdefault(event.trial, f"it follows a lost epoch of trial {event.trial}")
            return str(error)
        return None

    def _fill(self, until: int) -> None:
        """Suggest anew the trials before `until` whose suggestions are nowhere in the journal."""
        trials = self.recovery.history.trials
        missing = range(len(trials), until)
        if self._suggested & set(missing):  # it is the event that is out of place
            return
        for trial in missing:
            suggestion = self._known(trial, self.recovery.history.job)
            if suggestion is not None:
                self.recovery.restored.append(trial)
                self._insert(suggestion)
            elif any(later > trial for later in self._suggested):
                self.recovery.given_up.append(trial)
                self._insert(Suggested(trial, {}))
                self._insert(Finished(trial, "failed", "its configuration was lost with a damaged line of the journal"))
                self._cut[trial] = f"the configuration of trial {trial} is lost"
            else:
                return

    def _insert(self, event: Event) -> None:
        event = replace(event, time=self.recovery.history.last_at or 0.0)
        self.recovery.history.apply(event)
        self.recovery.lines.append(encode(event))


def _rests_on_more(event: Event, history: History) -> bool:
    """Whether an event says that a trial has more epochs than have been kept of it."""
    match event:
        case Started(trial=trial, epoch=epoch) | Paused(trial=trial, epoch=epoch) if trial in history.trials:
            return epoch > history.trials[trial].epoch
        case Finished(trial=trial, status="complete") if trial in history.trials:
            return history.trials[trial].epoch < history.horizon(history.trials[trial])
    return False


def _reopen(recovery: Recovery) -> None:
    """Take back that a search is complete, if something of it is to be done again."""
    history, planned = recovery.history, recovery.history.planned or 0
    whole = len(history.trials) >= planned and all(trial.status in FINAL for trial in history.trials.values())
    if history.status == "complete" and not whole:
        recovery.lines = [line for line in recovery.lines if not isinstance(decode(line), Ended)]
        history.ended = None


def _decoded(line: bytes) -> Event | str:
    """An event, or why the line holds none."""
    try:
        return decode(line)
    except JournalError as error:
        return str(error)


def _trial_of(event: Event) -> int | None:
    """The trial that an event is about."""
    return event.trial if isinstance(event, _OF_TRIALS) else None
