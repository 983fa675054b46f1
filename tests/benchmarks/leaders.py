"""Who leads a search at each moment, and what its prompt scores on test afterwards, outside the time that is measured.

A search's leader is what it would give if it ended then: ptune's best trial in its best epoch, or the epoch of the
other program with the best value on dev. What the leader has trained is kept while the search runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ptune.engine.state import previous, saved_epochs
from ptune.record.events import Event, Reported
from ptune.record.history import History
from ptune.record.journal import JOURNAL, Reader
from ptune.run.trial_states import state_file


@dataclass(frozen=True)
class Moment:
    """A search has a new leader."""

    seconds: float
    """Since its program began."""
    trial: int
    epoch: int
    dev: float
    about: dict[str, Any]
    """The leader's configuration."""
    kept: Path
    """What it has trained."""
    test: float | None = None
    """Its score, once it is known."""


def reached(moments: Sequence[Moment], level: float) -> float | None:
    """Seconds until a leader first scores `level` on test; None if none does."""
    return next((one.seconds for one in moments if one.test is not None and one.test >= level), None)


@dataclass
class OwnLeaders:
    """The leaders of ptune's own search in `folder`, from its journal; their states stay in `kept`."""

    folder: Path
    kept: Path
    began: float
    heard: Callable[[Moment], None]
    moments: list[Moment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = Reader(self.folder / JOURNAL)
        self._events: list[Event] = []
        self._history = History()
        self._counts: list[int] = []

    def look(self) -> None:
        """Take in what the journal says since the last look."""
        if not (self.folder / JOURNAL).exists():
            return
        for event in self._reader:
            self._events.append(event)
            self._history.apply(event)
            if isinstance(event, Reported):
                self._note(event.time)

    def score(self) -> list[Moment]:
        """The moments with what their leaders score on test, in the metric of the job."""
        from ptune.run.conclude import artifact_of, test_scores
        from ptune.run.load import load_job_backbone, pass_tokens
        from ptune.run.prepare import prepare

        job = self._history.job
        prepared, backbone = prepare(job), load_job_backbone(job)
        scored = []
        for moment, count in zip(self.moments, self._counts, strict=True):
            history = History.of(self._events[:count])
            artifact = artifact_of(history.trials[moment.trial], backbone, prepared, history, moment.kept)
            scores = test_scores(artifact, backbone, prepared.splits, pass_tokens(job, backbone))
            assert scores is not None, "the job names a test split"
            scored.append(replace(moment, test=scores[job.task.metric]))
        return scored

    def _note(self, now: float) -> None:
        best = self._history.best_result
        last = self.moments[-1] if self.moments else None
        if best is None or (last is not None and (last.trial, last.epoch) == (best.trial, best.epoch)):
            return
        kept = self.kept / f"{len(self.moments):03d}"
        self._keep(best.trial, kept / state_file(best.trial))
        dev = best.metrics[self._history.objective.metric]
        self.moments.append(Moment(now - self.began, best.trial, best.epoch, dev, dict(best.config), kept))
        self._counts.append(len(self._events))
        self.heard(self.moments[-1])

    def _keep(self, trial: int, target: Path) -> None:
        """Link to the state that a trial had at its latest report, which later ones do not change."""
        latest = self.folder / state_file(trial)
        epochs = self._history.trials[trial].epoch
        is_later = saved_epochs(latest) > epochs and saved_epochs(previous(latest)) >= epochs
        target.parent.mkdir(parents=True)
        os.link(previous(latest) if is_later else latest, target)


@dataclass
class TheirLeaders:
    """The leaders of the search by hand, from the lines that it prints."""

    began: float
    heard: Callable[[Moment], None]
    moments: list[Moment] = field(default_factory=list)

    def take(self, line: dict[str, Any]) -> None:
        """Take in a line; only those of epochs count."""
        if "reported" not in line or (self.moments and line["accuracy"] <= self.moments[-1].dev):
            return
        trial, epoch, dev = line["reported"], line["epoch"], line["accuracy"]
        self.moments.append(Moment(line["time"] - self.began, trial, epoch, dev, line["config"], Path(line["state"])))
        self.heard(self.moments[-1])

    def score(self, tested: Callable[[dict[str, Any], Path], float]) -> list[Moment]:
        """The moments with what `tested` says of each leader's configuration and saved state."""
        return [replace(moment, test=tested(moment.about, moment.kept)) for moment in self.moments]
