"""What a tracker tells a search: what it has of it, and which runs it has made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ptune.spec.tracking import scheme_of
from ptune.tracking.views import page, view_route

Announce = Callable[[int | None, str], None]
"""Hears of each run that a tracker makes: the trial (None: the search) and the run's id."""


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

    def page(self, search_id: str) -> str | None:
        """The address of a search's trials on the server that shows them; None for a database, which has no pages."""
        if self.experiment_id is None or scheme_of(self.uri) not in {"http", "https"}:
            return None
        return page(self.uri, view_route(self.experiment_id, search_id=search_id))

    def to_json(self, search_id: str) -> dict[str, str | None]:
        """The state as one JSON object, with the address of a search's trials."""
        return {
            "page": self.page(search_id),
            "uri": self.uri,
            "experiment_id": self.experiment_id,
            "parent_run_id": self.run_id,
            "lagging": self.lagging,
        }
