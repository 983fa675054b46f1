"""The saved states of a search's trials, on this node's disk and in the search's bucket if it has one."""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from ptune.engine.state import SavedState, read_sound, saved_epochs
from ptune.errors import EngineError
from ptune.record.history import TrialRecord
from ptune.storage.local_copy import bucket_of
from ptune.storage.segments import TRIALS
from ptune.storage.states import BucketStates, start_file
from ptune.storage.waiting import Patience

_SENDERS = 8


def state_file(trial: int) -> Path:
    """Where a trial's state is kept, relative to the search's folder."""
    return Path(TRIALS) / f"{trial:04d}" / "state.safetensors"


class TrialStates:
    """The states of the search in `folder`. Threads may use it together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        bucket = bucket_of(folder, Patience(math.inf))
        self._bucket = None if bucket is None else BucketStates(bucket)
        self._threads = ThreadPoolExecutor(_SENDERS, "ptune-states")

    def bring(self, trial: int, enough: int | None = None) -> None:
        """Bring a trial's state to this disk, unless the newest is here, and what another trial gave it to start from.

        Args:
            trial: the trial.
            enough: of how many reports a state is new enough; no newer one is brought where there is one up to these.
        """
        if self._bucket is not None:
            path = self._folder / state_file(trial)
            reports = saved_epochs(path)
            if enough is None or reports < enough:
                self._bucket.bring(trial, reports, path, enough)

    def best(self, trial: TrialRecord) -> tuple[SavedState | None, list[EngineError]]:
        """The newest sound state that holds the learner of a trial's best epoch, if any; and what is wrong with others.

        A state is saved before its report is in the journal. So the newest may be of a report that the journal never
        gets, and hold the learner of that one.

        Args:
            trial: it has a report.
        """
        assert trial.state is not None, "a trial with a report has a state"
        self.bring(trial.number, enough=trial.epoch)
        return read_sound(self._folder / trial.state, partial(_holds_best, trial))

    def send(self, trial: int, epoch: int) -> None:
        """Return when a trial's state after an epoch, saved on this disk, is where every node finds it."""
        if self._bucket is not None:
            self._bucket.send(trial, epoch, self._folder / state_file(trial))

    def send_start(self, trial: int) -> None:
        """Return when what a trial starts from, kept on this disk, is where every node finds it."""
        if self._bucket is not None:
            self._bucket.send_start(trial, self._folder / start_file(trial))

    def send_later(self, trial: int, epoch: int) -> Future[None]:
        """The same, without waiting; done at once where nothing has to be sent."""
        if self._bucket is None:
            there: Future[None] = Future()
            there.set_result(None)
            return there
        return self._threads.submit(self.send, trial, epoch)


def _holds_best(trial: TrialRecord, reports: list[dict[str, float]]) -> bool:
    """Whether a state with these reports of a trial holds the learner of the epoch that is its best by the journal."""
    if len(reports) <= trial.epoch:
        return len(reports) >= trial.best_epoch
    return trial.objective.best_index(reports) + 1 == trial.best_epoch
