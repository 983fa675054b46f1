"""Tune's searcher, as a window on the dispatcher."""

from __future__ import annotations

from typing import Any

from ray.tune.search import Searcher

from ptune.raytune.clients import Clients
from ptune.raytune.dispatcher import Dispatcher


class TurnSearcher(Searcher):  # type: ignore[misc]  # Ray is not typed
    """Suggests the conductor's next turn, or a rest, to whatever client is free.

    What Tune saves of it is empty, because the journal is the record.
    """

    def __init__(self, dispatcher: Dispatcher, clients: Clients) -> None:
        super().__init__()
        self._dispatcher = dispatcher
        self._clients = clients

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next turn, or a rest; `Searcher.FINISHED` when the search is over; None when no client is free."""
        self._dispatcher.step()
        if self._dispatcher.over:
            return str(Searcher.FINISHED)
        if not self._clients.free:
            return None
        turn = self._dispatcher.hand_out(trial_id) if self._clients.started else None
        self._clients.begin(trial_id)
        return turn or self._clients.rest()

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:  # noqa: ARG002
        """A client is free; the scheduler has seen its result."""
        self._clients.end(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Nothing."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a search resumes from its journal."""

    def __getstate__(self) -> dict[str, Any]:
        return {}
