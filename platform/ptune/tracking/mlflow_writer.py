"""The background writer keeps MLflow up to date while a search runs. It never slows or fails the search.

A daemon thread reads the journal and sends what is new, in batches. If anything goes wrong between the thread and the
store, `lagging` says what. The thread then pauses, opens a new mirror and goes on, because the journal holds all that
it needs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ptune.errors import JournalError, PtuneError, TrackingError
from ptune.record.events import Reported
from ptune.record.journal import JOURNAL, Reader
from ptune.spec.tracking import without_password
from ptune.tracking.failures import describe, describe_refusals
from ptune.tracking.location import artifact_location, create_database, quiet_mlflow

if TYPE_CHECKING:
    from ptune.tracking.mirror import Mirror
    from ptune.tracking.state import Announce

POLL = 0.5
"""Seconds between two looks at the journal."""
_REST = 3
"""The writer rests at least this many times as long as its last sending took. It shares the interpreter with the
search, and a request costs more than its content, so everything that gathers during a rest goes into one request.
Closing cuts a rest short."""
_LONGEST_REST = 30.0
"""Most seconds of one rest."""
FIRST_PAUSE = 0.5
"""Seconds before the first retry; doubled for each further one."""
LONGEST_PAUSE = 10.0
"""Most seconds between retries."""


class MlflowWriter:
    """Writes the journal in `folder` to the MLflow `experiment` at `uri`.

    Call `start` when the journal exists. Call `close` once, when the search has ended and its results are in the
    folder. `announce` is called from the writer's thread with each new run, so that the caller can write it into the
    journal.
    """

    def __init__(self, folder: Path, uri: str, experiment: str, announce: Announce, *, poll: float = POLL) -> None:
        self._folder = folder
        self._uri = uri
        self._experiment = experiment
        self._announce = announce
        self._poll = poll
        self._held_until = 0.0
        self._refused: dict[int | None, str] = {}
        self._closing = threading.Event()
        self._abandoned = threading.Event()
        self._done = False
        self._thread = threading.Thread(target=self._work, name="ptune-mlflow", daemon=True)
        self.lagging: str | None = None
        """Why the last attempt failed; None while MLflow is up to date."""
        self.experiment_id: str | None = None
        """The MLflow experiment; None until the store has answered."""
        self.parent_run_id: str | None = None
        """The search's run; None until it is made."""

    def start(self, patience: float = 0.0) -> None:
        """Start the thread and return at once. The thread imports MLflow and creates its database.

        Args:
            patience: most seconds for which the thread leaves the processor to a search that begins. It waits until an
                epoch is reported or the writer is closed.
        """
        self._held_until = time.monotonic() + patience
        self._thread.start()

    def close(self, timeout: float) -> bool:
        """Send what is left, upload the results, and stop. A writer that was never started sends everything.

        Returns:
            False if that took more than `timeout` seconds or the store refused a part; `lagging` says why, and
            `sync` can send the rest later.
        """
        self._closing.set()
        if self._thread.ident is None:
            self._thread.start()
        self._thread.join(timeout)
        self._abandoned.set()
        if not self._done:
            uri = without_password(self._uri)
            self.lagging = self.lagging or f"MLflow at {uri} did not take everything within {timeout:g} s"
        elif self._refused:
            self.lagging = describe_refusals(self._refused)
        return self.lagging is None

    def _work(self) -> None:
        pause = FIRST_PAUSE
        while not self._abandoned.is_set():
            try:
                self._wait_for_a_report()
                mirror = open_mirror(self._folder, self._uri, self._experiment, self._announce, self._refused)
                self.experiment_id = mirror.experiment_id
                for _ in self._follow(mirror):
                    self.lagging, pause = None, FIRST_PAUSE
            except Exception as error:  # noqa: BLE001 - MLflow, a database driver, a network: none may end a search
                self.lagging = describe(error, self._experiment)
                if self._closing.is_set() and isinstance(error, JournalError):
                    return  # what no journal holds, no retry can send
                pause = self._rest(pause)
            else:
                return

    def _wait_for_a_report(self) -> None:
        events = Reader(self._folder / JOURNAL)
        while time.monotonic() < self._held_until and not any(isinstance(event, Reported) for event in events):
            if self._closing.wait(self._poll):
                return

    def _follow(self, mirror: Mirror) -> Iterator[None]:
        """Keep the store up to date until closed; yield after each success."""
        while not self._done:
            closing = self._closing.is_set()  # asked before reading, so that all that was journaled before is read
            began = time.monotonic()
            mirror.advance(alive=lambda: not self._abandoned.is_set())
            self.parent_run_id = mirror.parent_run_id
            if self._abandoned.is_set():
                return
            if closing:
                mirror.finish()
            yield
            self._done = closing
            self._closing.wait(max(self._poll, min(_LONGEST_REST, _REST * (time.monotonic() - began))))

    def _rest(self, pause: float) -> float:
        """Wait before a retry; return how long to wait before the next. Closing cuts a wait short."""
        if self._closing.is_set():
            self._abandoned.wait(FIRST_PAUSE)
            return FIRST_PAUSE
        self._closing.wait(pause)
        return min(2 * pause, LONGEST_PAUSE)


def sync(folder: Path, uri: str, experiment: str, announce: Announce, register_as: str | None = None) -> str:
    """Bring MLflow up to date with a search that does not run; one that died is shown as interrupted.

    Args:
        folder: the search's folder.
        uri: where MLflow keeps its runs.
        experiment: the name of the experiment.
        announce: hears of each run that MLflow creates.
        register_as: the registered model of which the best prompt becomes a version; None is what the job says.

    Returns:
        The id of the search's run.

    Raises:
        TrackingError: the store cannot be reached or refuses a part; what it took is kept, and sync can be repeated.
        JournalError: there is no journal in `folder`, or it is damaged.
    """
    refused: dict[int | None, str] = {}
    try:
        mirror = open_mirror(folder, uri, experiment, announce, refused)
        mirror.advance(dead_search=True)
        mirror.finish(register_as)
    except PtuneError:
        raise
    except Exception as error:  # whatever the client library raises is one thing to the caller
        raise TrackingError(f"MLflow at {without_password(uri)}: {describe(error, experiment)}") from error
    if refused:
        raise TrackingError(describe_refusals(refused))
    if mirror.parent_run_id is None:
        raise JournalError(f"{folder.name}: its journal does not say yet what is searched")
    return mirror.parent_run_id


def open_mirror(folder: Path, uri: str, experiment: str, announce: Announce, refused: dict[int | None, str]) -> Mirror:
    """Connect to the store at `uri`, creating its database and experiment when they are missing."""
    quiet_mlflow()
    create_database(uri)
    from mlflow import MlflowClient

    from ptune.tracking.mirror import Mirror
    from ptune.tracking.store import Store

    store = Store(MlflowClient(uri), experiment, artifact_location(uri, folder.parent))
    return Mirror(folder, store, announce, refused)
