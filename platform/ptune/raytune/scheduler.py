"""Tune's scheduler, as a window on the dispatcher."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from ptune.raytune.dispatcher import Dispatcher
from ptune.raytune.error_summary import error_summary, node_died
from ptune.raytune.messages import TuneDict, answer_of


class TurnScheduler(FIFOScheduler):  # type: ignore[misc]  # Ray is not typed
    """Lets a turn go on or ends it, as the conductor decides. A Tune trial is one turn: none is ever paused by Tune."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self._dispatcher = dispatcher

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Return the first pending turn. Tune asks at every step of its loop."""
        self._dispatcher.step()
        return next((trial for trial in tune_controller.get_live_trials() if trial.status == Trial.PENDING), None)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: TuneDict) -> str:  # noqa: ARG002
        """Pass on the answer about one epoch."""
        goes_on = self._dispatcher.take_in(trial.trial_id, answer_of(result))
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:  # noqa: ARG002
        """Report that a client's process has died."""
        error = trial.get_pickled_error()
        reason = error_summary(error) if error else "its client's process died"
        self._dispatcher.client_died(trial.trial_id, reason, with_node=error is not None and node_died(error))

    def debug_string(self) -> str:
        """What this is, for Tune's own tables."""
        return "ptune's conductor decides"

    def __getstate__(self) -> TuneDict:
        return {}
