"""The client: what Tune runs as a trial. It asks an engine for one epoch after another, and imports no torch."""

from __future__ import annotations

from typing import Any

import ray
from ray import tune

from ptune.raytune.error_summary import error_summary

_CPUS = 0.001  # a client only waits; hundreds fit beside an engine, even on one core


class PromptTrainable(tune.Trainable):  # type: ignore[misc]  # Ray is not typed
    """One turn of one trial, on one engine.

    Its Tune configuration is `{"trial", "token", "config", "epoch", "engine"}`: the turn, how the engine knows this
    stay, and the engine's name. Every step is one epoch and returns `{"epoch", "metrics": {...}}`, or
    `{"failed": reason}` when the trial cannot go on, or `{"lost": reason}` when the engine cannot.
    It never raises, so that one process serves turn after turn.
    """

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory:  # noqa: ARG003 - Tune's
        """Next to nothing: the engine holds the resources."""
        return tune.PlacementGroupFactory([{"CPU": _CPUS}])

    def setup(self, config: dict[str, Any]) -> None:
        """Take up a turn; nothing runs until the first step."""
        self._turn = config
        self._epoch = config["epoch"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take up another turn in the same process."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train one epoch."""
        turn, epoch = self._turn, self._epoch + 1
        try:
            engine = ray.get_actor(turn["engine"])
            answer = ray.get(engine.train.remote(turn["trial"], turn["token"], turn["config"], epoch))
        except Exception as error:  # noqa: BLE001 - whatever it is, the driver knows better what to do about it
            return {"lost": error_summary(error)}
        self._epoch = epoch
        return {"epoch": epoch, **answer}
