"""The client: the process that Tune runs for a trial. It asks an engine for one epoch after another; no torch here."""

from __future__ import annotations

import ray
from ray import tune

from ptune.errors import StorageError
from ptune.raytune.error_summary import error_summary
from ptune.raytune.messages import Answer, Assignment, Lost, TuneDict, Unwritable, to_tune

_CPUS = 0.001  # a client only waits; hundreds fit beside an engine, even on one core


class PromptTrainable(tune.Trainable):  # type: ignore[misc]  # Ray is not typed
    """One turn of one trial, on one engine.

    Its Tune configuration is an `Assignment`. Every step trains one epoch and returns an `Answer`. A step never
    raises, so that one process serves turn after turn.
    """

    @classmethod
    def default_resource_request(cls, config: TuneDict) -> tune.PlacementGroupFactory:  # noqa: ARG003 - Tune's
        """Next to nothing: the engine holds the resources."""
        return tune.PlacementGroupFactory([{"CPU": _CPUS}])

    def setup(self, config: TuneDict) -> None:
        """Take up a turn; nothing runs until the first step."""
        self._assignment = Assignment.of(config)
        self._epoch = self._assignment.epoch

    def reset_config(self, new_config: TuneDict) -> bool:
        """Take up another turn in the same process."""
        self.setup(new_config)
        return True

    def step(self) -> TuneDict:
        """Train one epoch."""
        return to_tune(self._train())

    def _train(self) -> Answer:
        assignment = self._assignment
        try:
            engine = ray.get_actor(assignment.engine)
            request = engine.train.remote(assignment.trial, assignment.lease, assignment.config, self._epoch + 1)
            answer: Answer = ray.get(request)
        except ray.exceptions.RayTaskError as error:
            full = isinstance(error.cause, StorageError)
            return Unwritable(str(error.cause)) if full else Lost(error_summary(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the driver knows better what to do about it
            return Lost(error_summary(error))
        self._epoch += 1
        return answer
