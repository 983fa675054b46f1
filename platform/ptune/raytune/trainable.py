"""The client: the process that Tune runs for a trial. It asks an engine for one epoch after another; no torch here."""

from __future__ import annotations

import ray
from ray import tune

from ptune.errors import StorageError
from ptune.raytune.error_summary import error_summary, node_died
from ptune.raytune.messages import Answer, Assignment, Lost, TuneDict, Unwritable, to_tune

_NEXT_TO_NOTHING = {"memory": 1}  # a byte: a client only waits, and has room on a node whose cores are all taken


class PromptTrainable(tune.Trainable):  # type: ignore[misc]  # Ray is not typed
    """One turn of one trial, on one engine.

    Its Tune configuration is an `Assignment`. Every step trains one epoch and returns an `Answer`. A step never
    raises, so that one process serves turn after turn.
    """

    @classmethod
    def default_resource_request(cls, config: TuneDict) -> tune.PlacementGroupFactory:
        """Next to nothing, beside the engine, which holds the resources; elsewhere if its node is gone by then."""
        node = Assignment.of(config).node if config else None
        beside = {} if node is None else {"_soft_target_node_id": node}
        return tune.PlacementGroupFactory([_NEXT_TO_NOTHING], "STRICT_PACK", **beside)

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
            return Lost(error_summary(error), with_node=node_died(error))
        self._epoch += 1
        return answer
