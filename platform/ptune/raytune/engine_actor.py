"""The Ray actor that owns an engine, and the driver's handle on it."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING, Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ptune.errors import BackboneError, ClusterError, PtuneError
from ptune.raytune.error_summary import error_summary, node_died
from ptune.raytune.lost import EngineLostError, NodeLostError
from ptune.raytune.messages import Beat
from ptune.storage.local_copy import bucket_of, folder_at
from ptune.storage.results import send_results

if TYPE_CHECKING:
    from collections.abc import Callable

    # a client imports this module, too, when it calls an engine
    from ptune.engine.fused import Engine
    from ptune.raytune.messages import EngineAnswer
    from ptune.raytune.placement import Placement
    from ptune.raytune.training import TrainingThread
    from ptune.record.history import History
    from ptune.run.conclusion import Conclusion
    from ptune.run.prepare import Prepared
    from ptune.run.trials import TrialFactory
    from ptune.spec.resources import Resources
    from ptune.spec.trial import Config


class EngineActor:
    """One engine in a process of its own. Its methods only pass requests to the training thread.

    Args:
        prepared: the job and its data.
        address: what finds the search's folder here, see `ptune.storage.local_copy.address_of`.
        device: `cpu` or `cuda`.
        dtype: type of the frozen weights; None is what the job says.
    """

    def __init__(self, prepared: Prepared, address: str, device: str, dtype: str | None) -> None:
        self._prepared = prepared.typed(dtype)
        self._folder = folder_at(address)
        self._device = device
        self._began = time.monotonic()
        self._training: TrainingThread | None = None
        self._engine: Engine | None = None

    async def node(self) -> str:
        """Where it is: the id of its node."""
        return str(ray.get_runtime_context().get_node_id())

    async def beat(self) -> Beat:
        """What it is doing; a process that can answer is alive."""
        if self._training is None:
            return Beat("starts", time.monotonic() - self._began, 0.0)
        return self._training.beat()

    async def compute_with(self, threads: int) -> None:
        """See `TrainingThread.compute_with`."""
        await asyncio.wrap_future(self._running.compute_with(threads))

    async def ready(self) -> str:
        """Load backbone and data; return the type of the frozen weights.

        Raises:
            PtuneError: the backbone is not on this node, or the search's folder is not.
        """
        if self._training is None:
            self._training = await asyncio.get_running_loop().run_in_executor(None, self._start)
        from ptune.run.trials import weights_type

        await asyncio.wrap_future(self._training.ready())
        assert self._engine is not None
        return weights_type(self._engine.backbone)

    async def train(self, trial: int, lease: str, config: Config, epoch: int) -> EngineAnswer:
        """See `TrainingThread.train`."""
        return await asyncio.wrap_future(self._running.train(trial, lease, config, epoch))

    async def leave(self, lease: str) -> None:
        """See `TrainingThread.leave`."""
        await asyncio.wrap_future(self._running.leave(lease))

    async def conclude(self, history: History) -> Conclusion:
        """See `ptune.run.conclude.conclude`."""
        await self.ready()
        return await asyncio.wrap_future(self._running.call(lambda: self._conclude(history)))

    @property
    def _running(self) -> TrainingThread:
        assert self._training is not None, "who is ready has started"
        return self._training

    def _start(self) -> TrainingThread:
        from ptune.backbone.lean_imports import import_leanly
        from ptune.run.cores import share_cores

        share_cores()  # torch is first imported here, which takes a while
        import_leanly(trains=True)
        from ptune.raytune.training import TrainingThread

        return TrainingThread(self._load)

    def _load(self) -> tuple[Engine, TrialFactory]:
        from ptune.run.load import load_job_backbone, make_engine
        from ptune.run.trials import TrialFactory

        self._check_folder()
        if self._device == "cuda":
            _check_cuda()
        prepared, job = self._prepared, self._prepared.job
        backbone = load_job_backbone(job, self._device)
        expected = prepared.header.backbone.hash
        if backbone.hash != expected:
            raise BackboneError(
                f"{job.backbone.id} on node {ray.util.get_node_ip_address()} has weights sha256 {backbone.hash}, "
                f"but the search began with {expected}; every node needs the same copy"
            )
        self._engine = make_engine(job, backbone)
        return self._engine, TrialFactory(job, prepared.splits, backbone, self._folder, prepared.start)

    def _check_folder(self) -> None:
        """Refuse a node that has no access to the search's folder."""
        from ptune.record.journal import JOURNAL

        node, bucket = ray.util.get_node_ip_address(), bucket_of(self._folder)
        if bucket is not None:
            try:
                bucket.check()
                self._folder.mkdir(exist_ok=True)
            except PtuneError as error:
                raise ClusterError(f"node {node} cannot use the runs folder: {error}") from None
        elif not (self._folder / JOURNAL).is_file():
            raise ClusterError(
                f"the search's folder {self._folder} is not on node {node}: set PTUNE_RUNS to a folder that every node "
                "of the cluster shares, or to the URL of a bucket"
            )

    def _conclude(self, history: History) -> Conclusion:
        from ptune.run.conclude import conclude

        assert self._engine is not None
        conclusion = conclude(self._engine.backbone, self._prepared, history, self._folder)
        if (bucket := bucket_of(self._folder)) is not None:
            send_results(bucket, self._folder)
        return conclusion


def _check_cuda() -> None:
    """Refuse a GPU that torch cannot use, with the node's name and what to do."""
    import torch

    if not torch.cuda.is_available():
        lacks = "was built without CUDA" if torch.version.cuda is None else "finds no GPU that its CUDA can use"
        raise ClusterError(
            f"node {ray.util.get_node_ip_address()} offers Ray a GPU, but its torch {torch.__version__} {lacks}; "
            "install a torch that uses this GPU there, keep engines off the node with resources.labels, "
            'or train on CPUs with resources.device = "cpu"'
        )


class RemoteEngine:
    """An engine as the driver sees it. It is asked for at once; `poll` says when it is ready.

    Attributes:
        name: what clients find the actor by.
        dtype: type of the frozen weights, once the engine is ready.
        node: the id of the node that it is on, once it has arrived.
    """

    def __init__(
        self, placement: Placement, dtype: str | None, resources: Resources, prepared: Any, address: str
    ) -> None:
        """Ask for it.

        Args:
            placement: where.
            dtype: type of the other engines' frozen weights; None where there are none yet.
            resources: what the job asks of a node.
            prepared: a `Prepared` in Ray's object store, so that it travels to each node once.
            address: what finds the search's folder on any node, see `ptune.storage.local_copy.address_of`.
        """
        self.name = f"engine-{uuid.uuid4().hex[:12]}"
        actor_class = ray.remote(EngineActor).options(name=self.name, **_options(placement, resources))
        self._actor = actor_class.remote(prepared, address, placement.device, dtype)
        self._arriving = self._actor.node.remote()
        self._loading = self._actor.ready.remote()
        self._beat: Any = None
        self.dtype: str | None = None
        self.node: str | None = None

    def poll(self) -> bool:
        """Whether the engine is loaded.

        Raises:
            PtuneError: it cannot be loaded, here or anywhere.
            EngineLostError: it died while loading.
        """
        if self.node is None and ray.wait([self._arriving], timeout=0)[0]:
            self.node = _get(self._arriving)
        if self.dtype is None and ray.wait([self._loading], timeout=0)[0]:
            self.dtype = _get(self._loading)
        return self.dtype is not None

    def beat(self) -> Beat | None:
        """The answer to the last question what it does, if it has come; then the question is asked again.

        Raises:
            EngineLostError: it died.
        """
        if self._beat is not None and not ray.wait([self._beat], timeout=0)[0]:
            return None
        answer, self._beat = self._beat, self._actor.beat.remote()
        try:
            beat: Beat | None = None if answer is None else ray.get(answer)
        except ray.exceptions.ActorUnavailableError:  # it may come back, or Ray finds out that it is dead
            return None
        except ray.exceptions.RayActorError as error:
            raise _lost(error) from None
        return beat

    def compute_with(self, threads: int) -> None:
        """Use so many threads from the next pass on, without waiting."""
        self._actor.compute_with.remote(threads)

    def leave(self, lease: str) -> None:
        """End a lease, without waiting."""
        self._actor.leave.remote(lease)

    def conclude(self, history: History) -> Callable[[], Conclusion | None]:
        """Begin to export the best prompt; see `ptune.run.conclude.conclude`.

        What is returned says the result, None until it is there. It raises a PtuneError if the prompt cannot be
        exported, which is an EngineLostError if the engine died.
        """
        concluding = self._actor.conclude.remote(history)
        return lambda: _get(concluding) if ray.wait([concluding], timeout=0)[0] else None

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
        raise _lost(error) from None


def _lost(error: ray.exceptions.RayActorError) -> EngineLostError:
    """What Ray says of a dead engine, with its node."""
    return (NodeLostError if node_died(error) else EngineLostError)(f"an engine died: {error_summary(error)}")


def _options(placement: Placement, resources: Resources) -> dict[str, Any]:
    """What an engine's actor reserves, and on which nodes."""
    labels = dict(resources.labels)
    if placement.avoids:
        labels["ray.io/node-id"] = f"!in({','.join(placement.avoids)})"
    if placement.node is not None:
        strategy: Any = NodeAffinitySchedulingStrategy(placement.node, soft=True)
    else:
        strategy = "SPREAD"
    return {
        "num_cpus": placement.cpus,
        "num_gpus": placement.gpus,
        "resources": dict(resources.reserve),
        "accelerator_type": resources.accelerator_type,
        "label_selector": labels or None,
        "scheduling_strategy": strategy,
    }
