"""What a tracker has of a search."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrackingState:
    """What a tracker has of a search, for people and for programs."""

    type: str
    """The tracker, as a job's `tracking.type` names it."""
    title: str
    """The tracker's name as people write it."""
    uri: str
    """Where the runs are, without a password."""
    experiment_id: str | None = None
    """The experiment that holds the runs; None until the tracker has answered."""
    run_id: str | None = None
    """The search's own run; None until it exists."""
    lagging: str | None = None
    """Why the tracker is behind; None while it is up to date."""

    def to_json(self) -> dict[str, str | None]:
        """The state as one JSON object."""
        return {
            "uri": self.uri,
            "experiment_id": self.experiment_id,
            "parent_run_id": self.run_id,
            "lagging": self.lagging,
        }
