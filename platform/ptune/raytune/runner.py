"""Trains a search on Ray: engines on the cluster's devices, turns through Tune, decisions by the conductor."""

from __future__ import annotations

import importlib
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from ptune.history import History
from ptune.raytune.dispatcher import Dispatcher
from ptune.raytune.messages import Assignment
from ptune.raytune.pool import EnginePool
from ptune.run.interrupts import interrupts
from ptune.run.prepare import Prepared
from ptune.searching.conductor import Conductor

_STORAGE = ".tune"  # on the search's own storage, which every node sees; nothing in it outlives the search
_ENGINES_WITHIN_S = 900.0

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
    """The `Runner` of `ptune.run.search` that trains on Ray.

    Args:
        address: see `ptune.raytune.cluster.connect`.
    """

    def __init__(self, address: str | None = None) -> None:
        self._address = address
        self._pool: EnginePool | None = None
        self._connected = False

    def start(self, prepared: Prepared, folder: Path) -> str:
        """Wait until an engine is ready; return the type of the frozen weights, which every engine has.

        Raises:
            ClusterError: the cluster cannot be reached, or has no room for an engine.
            PtuneError: an engine cannot be loaded.
            KeyboardInterrupt: Ctrl-C or SIGTERM; the search can be resumed.
        """
        try:
            pool = self._engines(prepared, folder)
            with interrupts():
                importlib.import_module("ray.tune")  # takes a second: well spent while the engines load
                pool.wait(_ENGINES_WITHIN_S)
        except BaseException:
            self.close()
            raise
        assert pool.dtype is not None, "an engine is ready"
        return pool.dtype

    def train(self, prepared: Prepared, conductor: Conductor, folder: Path) -> None:
        """Run turns until the conductor is done. The engines stay for `conclude`, unless this raises.

        Raises:
            ClusterError: the cluster cannot be reached, or has no room for an engine.
            PtuneError: an engine cannot be loaded.
            KeyboardInterrupt: Ctrl-C or SIGTERM; the search can be resumed.
        """
        if conductor.done:
            return
        self.start(prepared, folder)
        try:
            pool = self._engines(prepared, folder)
            dispatcher = Dispatcher(conductor, pool)
            with interrupts(dispatcher.interrupt):
                _fit(dispatcher, pool.capacity, folder)
            dispatcher.finish()
        except BaseException:
            self.close()
            raise

    def conclude(self, prepared: Prepared, history: History, folder: Path) -> dict[str, Any]:
        """Export the best prompt on an engine, then let go of the cluster; see `ptune.run.outcome.conclude`."""
        try:
            pool = self._engines(prepared, folder)
            with interrupts():
                return pool.conclude(history, _ENGINES_WITHIN_S)
        finally:
            self.close()

    def close(self) -> None:
        """End the engines, and the embedded cluster if this runner started it."""
        from ptune.raytune.cluster import disconnect

        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()
        if self._connected:
            self._connected = False
            disconnect()

    def _engines(self, prepared: Prepared, folder: Path) -> EnginePool:
        """The engines, started if they are not there."""
        if self._pool is None:
            import ray

            from ptune.raytune.cluster import connect, nodes
            from ptune.raytune.engine_actor import EngineLostError, RemoteEngine
            from ptune.raytune.placement import place_engines

            self._connected = connect(self._address)
            job = prepared.job
            assert job.budget.trials is not None, "a prepared grid has been counted"
            placements = place_engines(nodes(), job.resources, job.budget.trials, prepared.engine_bytes)
            launch = partial(RemoteEngine, prepared=ray.put(prepared), folder=folder.resolve())
            self._pool = EnginePool(launch, EngineLostError, placements, job.resources.slots)
        return self._pool


def _fit(dispatcher: Dispatcher, slots: int, folder: Path) -> None:
    """Let Tune run until the dispatcher is over."""
    for name, value in _TUNE.items():
        os.environ.setdefault(name, value)
    from ray import tune

    from ptune.raytune.scheduler import TurnScheduler
    from ptune.raytune.searcher import TurnSearcher
    from ptune.raytune.trainable import PromptTrainable

    tuner = tune.Tuner(
        PromptTrainable,
        tune_config=tune.TuneConfig(
            search_alg=TurnSearcher(dispatcher),
            scheduler=TurnScheduler(dispatcher),
            num_samples=-1,
            max_concurrent_trials=slots,
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
        tuner.fit()
    finally:
        shutil.rmtree(folder / _STORAGE, ignore_errors=True)


def _turn_name(trial: Any) -> str:
    return f"trial-{Assignment.of(trial.config).trial:04d}-{trial.trial_id}"
