"""Which tracker shows a search: the one place that chooses among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from ptune.errors import TrackingError
from ptune.record.events import Tracked
from ptune.record.journal import Journal
from ptune.run.session import Tracker
from ptune.spec.job import Job
from ptune.tracking.mlflow_tracker import MlflowTracker
from ptune.tracking.state import Announce

TrackerFactory = Callable[[Job, Path, Announce], Tracker]
"""Makes the tracker of a search from its job and its folder; starts and writes nothing.

Raises a SpecError where the job's settings cannot be used.
"""


def unheard(_trial: int | None, _run_id: str) -> None:
    """Hear of no run; for a tracker that is only asked, and makes none."""


def noted(journal: Journal) -> Announce:
    """Write each run that a tracker makes into a journal."""

    def note(trial: int | None, run_id: str) -> None:
        journal.append(Tracked(trial, run_id))

    return note


class NoTracker:
    """Shows a search nowhere."""

    def __init__(self, search: str) -> None:
        self._search = search

    @property
    def state(self) -> None:
        """Nothing."""

    def refusal(self) -> None:
        """Nothing refuses it."""

    def start(self, patience_s: float) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def sync(self, register_as: str | None = None) -> None:  # noqa: ARG002
        """Refuse.

        Raises:
            TrackingError: always.
        """
        raise TrackingError(
            f'{self._search} is not tracked: its job says tracking.type = "none". The journal, the leaderboard and the '
            f"report in its folder hold everything; `ptune report {self._search}` shows them"
        )


def tracker_of(job: Job, folder: Path, announce: Announce) -> Tracker:
    """The tracker that a job asks for, on the search in `folder`.

    Raises:
        SpecError: the tracker cannot be where the job says.
    """
    match job.tracking.type:
        case "mlflow":
            return MlflowTracker(job, folder, announce)
        case "none":
            return NoTracker(folder.name)
        case _:
            assert_never(job.tracking.type)
