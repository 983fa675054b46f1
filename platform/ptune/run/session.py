"""The seams of a search: where it trains, who watches it, who tracks it and who writes its files.

A search works with any object that has the methods of one of these protocols.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from ptune.record.history import History
from ptune.run.conclusion import Conclusion
from ptune.run.prepare import Prepared
from ptune.run.waits import Say, unsaid
from ptune.searching.conductor import Conductor
from ptune.spec.resources import Resources
from ptune.tracking.state import TrackingState


class Session(Protocol):
    """A place of training, open for one search. It loads a backbone when it first needs one."""

    @property
    def dtype(self) -> str:
        """The type of the frozen weights, the same for all trials of the search: `float32` or `bfloat16`."""

    def train(self, conductor: Conductor) -> None:
        """Run turns until the conductor is done.

        Raises:
            KeyboardInterrupt: the user asked for an early end; the search can be resumed.
            PtuneError: nothing can train here.
        """

    def conclude(self, history: History) -> Conclusion:
        """Export the best prompt and score it on the test split; see `ptune.run.conclude.conclude`."""


class Runner(Protocol):
    """Where searches train: in this process, or on Ray."""

    def check(self, resources: Resources) -> None:
        """Refuse a place that cannot be reached or lacks what an engine takes, before a search leaves anything behind.

        Args:
            resources: what the job asks for.

        Raises:
            SpecError: this machine is the place, and has not so many GPUs.
            PtuneError: nothing can train there.
        """

    def open(self, prepared: Prepared, folder: Path, say: Say = unsaid) -> AbstractContextManager[Session]:
        """Open a session for one search; the end of the context releases everything that the session holds.

        Args:
            prepared: the job and its data.
            folder: the search's folder, which holds its journal.
            say: told what the session waits for; see `ptune.run.waits`.
        """


class Observer(Protocol):
    """Watches a search through its journal, such as a live table."""

    def start(self, folder: Path) -> None:
        """Begin to watch: the journal in `folder` exists."""

    def stop(self) -> None:
        """Stop watching: the search is over."""


class Publisher(Protocol):
    """Writes the files that people look at (leaderboard, plots) before the tracker takes them."""

    def __call__(self, folder: Path, history: History, importances: dict[str, float]) -> None:
        """Write the files into the search's folder."""


class Tracker(Protocol):
    """Shows a search in another system. It reads the journal and never slows or fails the search."""

    def refusal(self) -> str | None:
        """Why the other system would never take the search, however long one waits; None if it may. Takes seconds."""

    def start(self, patience_s: float) -> None:
        """Begin to follow the journal; leave the processor to the search for up to `patience_s` seconds."""

    def close(self) -> None:
        """Send the rest and the published files, then stop. May be called without `start`; raises nothing."""

    def sync(self, register_as: str | None = None) -> None:
        """Send everything that is missing of a search that no process runs.

        Args:
            register_as: the registered model of which the best prompt becomes a version; None is what the job says.

        Raises:
            TrackingError: the other system cannot be reached or refuses a part, or the search is not tracked.
        """

    @property
    def state(self) -> TrackingState | None:
        """What the other system has of the search; None for a search that is not tracked."""
