"""What `ptune sync` costs a trial, beside a client that logs the same runs value by value.

    python tests/benchmarks/tracking.py [--trials 1000] [--plain 100] [--out results.json]

A search is played in virtual time, so that there is something to track and nothing to train. ptune sends its journal to
an empty SQLite database and to a server on another. The rival then reads the first runs back and writes them once more,
each parameter, each point of a metric and each tag with a call of its own, as callbacks do. Both are the same client of
the same MLflow on the same stores. Seconds are processor seconds of the client; a server's own are not counted.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import pytest  # noqa: E402 - the folders above come first
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Run  # noqa: E402
from results import say, write  # noqa: E402

from ptune.record.events import DataSource, Origin  # noqa: E402
from ptune.record.journal import JOURNAL  # noqa: E402
from ptune.tracking.location import create_database  # noqa: E402
from ptune.tracking.mlflow_writer import sync  # noqa: E402
from support.mlflow_server import MlflowServer  # noqa: E402
from support.played import make_job, play  # noqa: E402

EXPERIMENT, PLAIN = "tracked", "plain"
TARGET_MS = 30.0


def played(folder: Path, trials: int) -> int:
    """A search with everything that a real one tells MLflow; return the epochs that its trials trained."""
    splits = {split: DataSource("builtin:none", "a" * 64, 100) for split in ("train", "dev", "test")}
    origin = Origin(user="ana", command="ptune search job.toml", commit="a" * 40)
    folder.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        job = make_job(trials=trials)
        history = play(folder / JOURNAL, patch, job, origin=origin, data=splits, versions={"ptune": "0", "torch": "0"})
    return sum(trial.epoch for trial in history.trials.values())


def timed(act: Callable[[], None], trials: int) -> dict[str, float]:
    """Milliseconds that each trial takes: of the processor, and of the clock."""
    before, clock = os.times(), time.perf_counter()
    act()
    after = os.times()
    cpu = after.user + after.system - before.user - before.system
    return {"cpu_ms": 1e3 * cpu / trials, "wall_ms": 1e3 * (time.perf_counter() - clock) / trials}


def value_by_value(client: MlflowClient, experiment: str, runs: list[Run], parent: str) -> None:
    """Write runs once more, with a call for each thing they hold."""
    for run in runs:
        tags = {"mlflow.parentRunId": parent, "mlflow.runName": run.info.run_name}
        copy = client.create_run(experiment, start_time=run.info.start_time, tags=tags).info.run_id
        for key, value in run.data.params.items():
            client.log_param(copy, key, value)
        for key in run.data.metrics:
            for point in client.get_metric_history(run.info.run_id, key):
                client.log_metric(copy, key, point.value, point.timestamp, point.step)
        for key, value in run.data.tags.items():
            client.set_tag(copy, key, value)
        client.log_inputs(copy, datasets=run.inputs.dataset_inputs)
        client.set_terminated(copy, run.info.status, run.info.end_time)


def compared(folder: Path, uri: str, trials: int, plain: int) -> dict[str, Any]:
    """What both cost on one store."""
    ours = timed(lambda: _sync(folder, uri), trials)
    again = timed(lambda: _sync(folder, uri), trials)
    client = MlflowClient(uri)
    tracked = client.get_experiment_by_name(EXPERIMENT).experiment_id
    runs = client.search_runs([tracked], filter_string="tags.`ptune.kind` = 'trial'", max_results=plain)
    copied = client.create_experiment(PLAIN)
    parent = client.create_run(copied).info.run_id
    rival = timed(lambda: value_by_value(client, copied, list(runs), parent), len(runs))
    return {"ptune": ours, "again": again, "value by value": rival, "ratio": rival["cpu_ms"] / ours["cpu_ms"]}


def _sync(folder: Path, uri: str) -> None:
    sync(folder, uri, EXPERIMENT, lambda _trial, _run_id: None)


def main() -> None:
    """Measure both stores, and print ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--plain", type=int, default=100, help="trials that the rival writes")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    stores: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        epochs = played(folder / "search", options.trials)
        say(f"{options.trials} trials, {epochs} epochs")
        local, served = (f"sqlite:///{folder / file}" for file in ("local.db", "served.db"))
        create_database(local)
        create_database(served)
        stores["SQLite"] = compared(folder / "search", local, options.trials, options.plain)
        server = MlflowServer(folder, served)
        server.start()
        try:
            stores["server"] = compared(folder / "search", server.uri, options.trials, options.plain)
        finally:
            server.kill()
    say(f"milliseconds of processor time a trial (target for ptune: at most {TARGET_MS:g})")
    say(f"{'store':8}{'ptune':>10}{'a second sync':>16}{'value by value':>17}{'ratio':>9}{'target':>9}")
    for store, found in stores.items():
        ours, again, rival = (found[way]["cpu_ms"] for way in ("ptune", "again", "value by value"))
        kept = "met" if ours <= TARGET_MS else "missed"
        say(f"{store:8}{ours:10.1f}{again:16.1f}{rival:17.1f}{found['ratio']:8.1f}x{kept:>9}")
    say(f"written to {write('tracking', {'trials': options.trials, 'epochs': epochs, 'stores': stores}, options.out)}")


if __name__ == "__main__":
    main()
