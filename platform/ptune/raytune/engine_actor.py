"""The Ray actor that owns an engine, and the driver's handle on it."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ptune.errors import BackboneError, ClusterError, PtuneError
from ptune.raytune.error_summary import error_summary

if TYPE_CHECKING:  # a client imports this module, too, when it calls an engine
    from ptune.engine.fused import Engine
    from ptune.raytune.messages import EngineAnswer
    from ptune.raytune.placement import Placement
    from ptune.record.history import History
    from ptune.run.conclusion import Conclusion
    from ptune.run.prepare import Prepared
    from ptune.run.trials import TrialFactory
    from ptune.spec.trial import Config


class EngineActor:
    """One engine in a process of its own. Its methods only pass requests to the training thread.

    Args:
        prepared: the job and its data.
        folder: the search's folder, on storage that this node shares with the driver.
        device: `cpu` or `cuda`.
        threads: threads to compute with.
        dtype: type of the frozen weights; None is what the job says.
    """

    def __init__(self, prepared: Prepared, folder: Path, device: str, threads: int, dtype: str | None) -> None:
        from ptune.run.cores import share_cores

        share_cores()  # torch is first imported here
        from ptune.raytune.training import TrainingThread

        self._prepared = prepared.typed(dtype)
        self._folder = folder
        self._device = device
        self._threads = threads
        self._training = TrainingThread(self._load)
        self._engine: Engine | None = None

    async def ready(self) -> str:
        """Load backbone and data; return the type of the frozen weights.

        Raises:
            PtuneError: the backbone is not on this node, or the search's folder is not.
        """
        from ptune.run.trials import weights_type

        await asyncio.wrap_future(self._training.ready())
        assert self._engine is not None
        return weights_type(self._engine.backbone)

    async def train(self, trial: int, lease: str, config: Config, epoch: int) -> EngineAnswer:
        """See `TrainingThread.train`."""
        return await asyncio.wrap_future(self._training.train(trial, lease, config, epoch))

    async def leave(self, lease: str) -> None:
        """See `TrainingThread.leave`."""
        await asyncio.wrap_future(self._training.leave(lease))

    async def conclude(self, history: History) -> Conclusion:
        """See `ptune.run.conclude.conclude`."""
        await self.ready()
        return await asyncio.wrap_future(self._training.call(lambda: self._conclude(history)))

    def _load(self) -> tuple[Engine, TrialFactory]:
        import torch

        from ptune.backbone.budget import token_budget
        from ptune.engine.fused import Engine
        from ptune.record.journal import JOURNAL
        from ptune.run.load import load_job_backbone
        from ptune.run.trials import TrialFactory

        if not (self._folder / JOURNAL).is_file():
            raise ClusterError(
                f"the search's folder {self._folder} is not on node {ray.util.get_node_ip_address()}: "
                "set PTUNE_RUNS to a folder that every node of the cluster shares"
            )
        torch.set_num_threads(self._threads)
        job = self._prepared.job
        backbone = load_job_backbone(job, self._device)
        expected = self._prepared.header.backbone.hash
        if backbone.hash != expected:
            raise BackboneError(
                f"{job.backbone.id} on node {ray.util.get_node_ip_address()} has weights sha256 {backbone.hash}, "
                f"but the search began with {expected}; every node needs the same copy"
            )
        self._engine = Engine(backbone, token_budget(backbone, job.resources.token_budget))
        return self._engine, TrialFactory(job, self._prepared.splits, backbone, self._folder)

    def _conclude(self, history: History) -> Conclusion:
        from ptune.run.conclude import conclude

        assert self._engine is not None
        return conclude(self._engine.backbone, self._prepared, history, self._folder)


class EngineLostError(ClusterError):
    """An engine's process has died, or its node has."""


class RemoteEngine:
    """An engine as the driver sees it. Starts at once; `poll` says when it is ready.

    Attributes:
        name: what clients find the actor by.
        dtype: type of the frozen weights, once the engine is ready.
    """

    def __init__(self, placement: Placement, dtype: str | None, prepared: Any, folder: Path) -> None:
        """Start.

        Args:
            placement: where.
            dtype: type of the other engines' frozen weights; None where there are none yet.
            prepared: a `Prepared` in Ray's object store, so that it travels to each node once.
            folder: the search's folder.
        """
        self.name = f"engine-{uuid.uuid4().hex[:12]}"
        strategy = None if placement.node is None else NodeAffinitySchedulingStrategy(placement.node, soft=True)
        actor_class = ray.remote(EngineActor).options(
            name=self.name, num_cpus=placement.cpus, num_gpus=placement.gpus, scheduling_strategy=strategy
        )
        self._actor = actor_class.remote(prepared, folder, placement.device, placement.threads, dtype)
        self._loading = self._actor.ready.remote()
        self.dtype: str | None = None

    def poll(self) -> bool:
        """Whether the engine is loaded.

        Raises:
            PtuneError: it cannot be loaded, here or anywhere.
            EngineLostError: it died while loading.
        """
        if self.dtype is None and ray.wait([self._loading], timeout=0)[0]:
            self.dtype = _get(self._loading)
        return self.dtype is not None

    def leave(self, lease: str) -> None:
        """End a lease, without waiting."""
        self._actor.leave.remote(lease)

    def conclude(self, history: History) -> Conclusion:
        """Export the best prompt; see `ptune.run.conclude.conclude`.

        Raises:
            PtuneError: it cannot be exported.
            EngineLostError: the engine died.
        """
        conclusion: Conclusion = _get(self._actor.conclude.remote(history))
        return conclusion

    def kill(self) -> None:
        """End the process; states on disk are whole at any moment."""
        ray.kill(self._actor)


def _get(reference: Any) -> Any:
    """A call's result, or the error ptune raised in it, without Ray's wrapping."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, PtuneError):
            raise error.cause from None
        raise ClusterError(f"an engine broke: {error_summary(error)}") from error
    except ray.exceptions.RayActorError as error:
        raise EngineLostError(f"an engine died: {error_summary(error)}") from None
