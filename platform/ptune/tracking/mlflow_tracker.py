"""The tracker that shows searches in MLflow."""

from __future__ import annotations

from pathlib import Path

from ptune.spec.job import Job
from ptune.spec.tracking import without_password
from ptune.tracking.location import resolve_uri
from ptune.tracking.mlflow_writer import MlflowWriter, sync
from ptune.tracking.refusal import refusal
from ptune.tracking.state import Announce, TrackingState

_DRAIN_S = 60.0
_LAGGING_S = 5.0  # a server that is behind already is not waited for, since `ptune sync` can catch up


class MlflowTracker:
    """Shows one search in MLflow.

    Args:
        job: the search's job.
        folder: the search's folder.
        announce: hears of each run that MLflow creates: the trial (None: the search) and the run's id. Called from
            the writer's thread.

    Raises:
        SpecError: MLflow cannot be at the job's `tracking.uri`, or at MLFLOW_TRACKING_URI.
    """

    def __init__(self, job: Job, folder: Path, announce: Announce) -> None:
        self._folder = folder
        self._uri = resolve_uri(job.tracking.uri, folder.parent)
        self._experiment = job.tracking.experiment or job.name
        self._announce = announce
        self._writer = MlflowWriter(folder, self._uri, self._experiment, announce)

    def refusal(self) -> str | None:
        """Why MLflow would never take the search; see `ptune.tracking.refusal`."""
        found = refusal(self._uri, self._experiment)
        return found and f"MLflow at {without_password(self._uri)} takes no runs of this search: {found}"

    def start(self, patience_s: float) -> None:
        """Follow the journal in a thread of its own; see `MlflowWriter.start`."""
        self._writer.start(patience_s)

    def close(self) -> None:
        """Send the rest, for up to a minute."""
        self._writer.close(_LAGGING_S if self._writer.lagging else _DRAIN_S)

    def sync(self, register_as: str | None = None) -> None:
        """Send everything that MLflow lacks of a search that no process runs; see `ptune.tracking.mlflow_writer`."""
        self._writer.parent_run_id = sync(self._folder, self._uri, self._experiment, self._announce, register_as)

    @property
    def state(self) -> TrackingState:
        """What MLflow has of the search."""
        writer = self._writer
        return TrackingState(
            type="mlflow",
            title="MLflow",
            uri=without_password(self._uri),
            experiment_id=writer.experiment_id,
            run_id=writer.parent_run_id,
            lagging=writer.lagging,
        )
