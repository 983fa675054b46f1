"""Tune's searcher, as a window on the dispatcher."""

from __future__ import annotations

from ray.tune.search import Searcher

from ptune.raytune.dispatcher import Dispatcher
from ptune.raytune.messages import TuneDict


class TurnSearcher(Searcher):  # type: ignore[misc]  # Ray is not typed
    """Suggests the conductor's next turn whenever Tune has room.

    Tune saves nothing of it, because the journal is the record.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self._dispatcher = dispatcher

    def suggest(self, trial_id: str) -> TuneDict | str | None:
        """The next turn; `Searcher.FINISHED` when the search is over; None when no turn is ready."""
        self._dispatcher.step()
        assignment = self._dispatcher.hand_out(trial_id)
        if assignment is not None:
            return assignment.to_tune()
        return str(Searcher.FINISHED) if self._dispatcher.over else None

    def on_trial_complete(self, trial_id: str, result: TuneDict | None = None, error: bool = False) -> None:
        """Nothing: the scheduler has seen the result."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a search resumes from its journal."""

    def __getstate__(self) -> TuneDict:
        return {}
