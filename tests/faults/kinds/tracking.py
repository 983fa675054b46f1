"""MLflow is away, slow or locked. The search goes on meanwhile, and `ptune sync` sends the rest."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from costs import Costs, Fault
from stage import NAME, Stage

from support.line import Line
from support.mlflow_server import MlflowServer

_SLOW_S = 5.0


@contextmanager
def _server(stage: Stage) -> Iterator[MlflowServer]:
    """A server that is off at first; the stage looks for runs in its database."""
    folder = stage.folder / "server"
    folder.mkdir()
    stage.database = Path(stage.database.replace(folder / "mlflow.db"))
    server = MlflowServer(folder, f"sqlite:///{stage.database}")
    try:
        yield server
    finally:
        server.kill()


def _settled(stage: Stage, **variables: str) -> Costs:
    command = stage.command("sync", NAME, **variables)
    assert command.end() == 0, command.ended()
    return stage.costs()


def _away_at_the_start(stage: Stage) -> Costs:
    stage.job()
    with _server(stage) as server:
        stage.injected()
        stage.search("--local", MLFLOW_TRACKING_URI=server.uri).result()
        server.start()
        return _settled(stage, MLFLOW_TRACKING_URI=server.uri)


def _away_for_a_while(stage: Stage) -> Costs:
    stage.job(trials=16, epochs=9, rows=400)
    with _server(stage) as server:
        server.start()

        def restart() -> None:
            server.kill()
            command.wait_for(stage.more_reports(3))
            server.start()

        command = stage.search("--local", MLFLOW_TRACKING_URI=server.uri)
        stage.disturbed(command, restart, times=2)
        return _settled(stage, MLFLOW_TRACKING_URI=server.uri)


def _away_at_the_end(stage: Stage) -> Costs:
    job = stage.job(trials=10)
    with _server(stage) as server:
        server.start()
        command = stage.search("--local", MLFLOW_TRACKING_URI=server.uri)
        command.wait_for(lambda: stage.ended_trials() >= job.budget.trials - 1)
        stage.injected()
        server.kill()
        command.result()
        server.start()
        return _settled(stage, MLFLOW_TRACKING_URI=server.uri)


def _slow(stage: Stage) -> Costs:
    stage.job()
    with _server(stage) as server, closing(Line(server.uri)) as line:
        server.start()
        line.delay_s = _SLOW_S
        stage.injected()
        stage.search("--local", MLFLOW_TRACKING_URI=line.address).result()
        line.delay_s = 0.0
        return _settled(stage, MLFLOW_TRACKING_URI=line.address)


def _locked(stage: Stage) -> Costs:
    stage.job()
    with closing(sqlite3.connect(stage.database, isolation_level=None)) as holder:
        holder.execute("begin exclusive")
        stage.injected()
        stage.search("--local").result()
        holder.execute("rollback")
    return _settled(stage)


FAULTS = [
    Fault("mlflow-start", "MLflow away at the start", _away_at_the_start),
    Fault("mlflow-middle", "MLflow killed and started again in mid-search", _away_for_a_while),
    Fault("mlflow-end", "MLflow away at the end", _away_at_the_end),
    Fault("mlflow-slow", f"MLflow slow, {_SLOW_S:.0f} s an answer", _slow),
    Fault("mlflow-locked", "MLflow's database locked throughout", _locked),
]
