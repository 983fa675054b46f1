"""Trains a search on Ray: engines on the cluster's devices, turns through Tune, decisions by the conductor."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from ptune.raytune.dispatcher import Dispatcher
from ptune.raytune.messages import Assignment
from ptune.raytune.placement import Planner
from ptune.raytune.pool import EnginePool
from ptune.record.history import FINAL, History
from ptune.record.journal import JOURNAL, read
from ptune.run.conclusion import Conclusion
from ptune.run.inbox import Bell, Inbox
from ptune.run.interrupts import interrupts
from ptune.run.prepare import Prepared
from ptune.run.waits import Say, Waits, unsaid
from ptune.searching.conductor import Conductor
from ptune.spec.resources import Resources
from ptune.storage.local_copy import address_of, bucket_of
from ptune.storage.results import bring_results

_STORAGE = ".tune"  # on the search's own storage, which every node sees; nothing in it outlives the search
_MOST_TURNS = 1_000_000  # at once; the slots are fewer, and a search may be extended while it runs

_TUNE = {
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one prints a table whatever the verbosity
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the journal is the record
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Tune's would wait for every running epoch
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "1000000000",
}


class RayRunner:
    """The `Runner` of `ptune.run.session` that trains on Ray.

    Args:
        address: see `ptune.raytune.cluster.connect`.
    """

    def __init__(self, address: str | None = None) -> None:
        self._address = address

    def check(self, resources: Resources) -> None:
        """Find out whether the cluster answers, if there is to be one already, or else whether this machine suits.

        Raises:
            ClusterError: no cluster answers at the address, or it does not let this process in.
            SpecError: Ray is to run on this machine, which has fewer GPUs than one engine takes.
        """
        if self._address or os.environ.get("RAY_ADDRESS"):
            from ptune.raytune.cluster import check

            check(self._address)
        if resources.gpus_per_engine > 1 or resources.device == "cuda":
            from ptune.raytune.cluster import is_embedded

            if is_embedded(self._address):
                from ptune.run.load import check_gpus  # takes torch, which no other job loads here

                check_gpus(resources)

    @contextmanager
    def open(self, prepared: Prepared, folder: Path, say: Say = unsaid) -> Iterator[RaySession]:
        """Open a session; its end ends the engines, and the embedded cluster if the session started it."""
        with ExitStack() as stack:
            yield RaySession(prepared, folder, self._address, stack, say)


class RaySession:
    """One search's training on Ray. Connects to the cluster and starts engines when it first needs them.

    Args:
        prepared: the job and its data.
        folder: the search's folder.
        address: see `ptune.raytune.cluster.connect`.
        stack: takes what is to be released at the session's end.
        say: told what the search waits for.
    """

    def __init__(self, prepared: Prepared, folder: Path, address: str | None, stack: ExitStack, say: Say) -> None:
        self._prepared = prepared
        self._folder = folder
        self._address = address
        self._stack = stack
        self._waits = Waits(say)

    @property
    def dtype(self) -> str:
        """The type of the frozen weights, which every engine has; waits until an engine is ready.

        Raises:
            ClusterError: the cluster cannot be reached, or has no room for an engine.
            PtuneError: an engine cannot be loaded.
            KeyboardInterrupt: Ctrl-C or SIGTERM; the search can be resumed.
        """
        self._wait()
        assert self.pool.dtype is not None, "an engine is ready"
        return self.pool.dtype

    def train(self, conductor: Conductor) -> None:
        """Run turns until the conductor is done.

        Raises:
            ClusterError: the cluster cannot be reached, or has no room for an engine.
            PtuneError: an engine cannot be loaded.
            KeyboardInterrupt: Ctrl-C or SIGTERM; the search can be resumed.
        """
        if conductor.done:
            return
        self._wait()
        dispatcher = Dispatcher(conductor, self.pool, Inbox(self._folder, conductor))
        with interrupts(dispatcher.interrupt):
            _fit(dispatcher, self._folder)
        dispatcher.finish()

    def conclude(self, history: History) -> Conclusion:
        """Export the best prompt on an engine; see `ptune.run.conclude.conclude`."""
        with interrupts():
            conclusion = self.pool.conclude(history)
            if (bucket := bucket_of(self._folder)) is not None:
                bring_results(bucket, self._folder)
            return conclusion.at(self._folder)

    @cached_property
    def pool(self) -> EnginePool:
        """The engines, which start when they are first asked for."""
        import ray

        from ptune.raytune.cluster import connect, disconnect, fleet
        from ptune.raytune.engine_actor import RemoteEngine

        if connect(self._address):
            self._stack.callback(disconnect)
        prepared, resources = self._prepared, self._prepared.job.resources
        launch = partial(
            RemoteEngine, resources=resources, prepared=ray.put(prepared), address=address_of(self._folder)
        )
        planner = Planner(resources, _planned(self._begun), prepared.engine_bytes)
        pool = EnginePool(launch, planner, partial(fleet, resources), self._waits)
        self._stack.callback(pool.close)
        return pool

    @cached_property
    def _begun(self) -> History:
        """The search as it stands before its first turn here; what is written until then changes no trial."""
        return History.of(read(self._folder / JOURNAL))

    def _wait(self) -> None:
        """Wait until an engine is ready."""
        pool, history = self.pool, self._begun
        demand = _planned(history) - sum(trial.status in FINAL for trial in history.trials.values())
        with interrupts():
            pool.poll(demand)
            importlib.import_module("ray.tune")  # takes a second: well spent while the engines load
            pool.wait(demand, Bell(self._folder, history.answers))


def _planned(history: History) -> int:
    """How many trials a search will have at most."""
    return history.job.budget.most_trials if history.planned is None else history.planned


def _fit(dispatcher: Dispatcher, folder: Path) -> None:
    """Let Tune run until the dispatcher is over. How many turns there are at once, the engines' slots decide."""
    for name, value in _TUNE.items():
        os.environ.setdefault(name, value)
    from ray import tune
    from ray.tune.execution.class_cache import _ActorClassCache

    from ptune.raytune.embedded import replaced
    from ptune.raytune.scheduler import TurnScheduler
    from ptune.raytune.searcher import TurnSearcher
    from ptune.raytune.trainable import PromptTrainable

    tuner = tune.Tuner(
        PromptTrainable,
        tune_config=tune.TuneConfig(
            search_alg=TurnSearcher(dispatcher),
            scheduler=TurnScheduler(dispatcher),
            num_samples=-1,
            max_concurrent_trials=_MOST_TURNS,
            reuse_actors=True,
            trial_name_creator=_turn_name,
            trial_dirname_creator=_turn_name,
        ),
        run_config=tune.RunConfig(
            name="turns",
            storage_path=str((folder / _STORAGE).resolve()),
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )
    try:
        with replaced(_ActorClassCache, "get", lambda _, trainable: _in_any_process(trainable)):
            tuner.fit()
    finally:
        shutil.rmtree(folder / _STORAGE, ignore_errors=True)


@cache
def _in_any_process(trainable: type) -> Any:
    """The actor of a client. Tune's asks for an environment that only Lightning needs, and so for a process of its own.

    Without one, Ray takes a process that it has started beforehand, as it does for each core of a node.
    """
    import ray

    return ray.remote(trainable)


def _turn_name(trial: Any) -> str:
    return f"trial-{Assignment.of(trial.config).trial:04d}-{trial.trial_id}"
