"""A search to track, and a real MLflow server to track it with."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptune.record import events
from ptune.record.events import (
    DataSource,
    Ended,
    FinalStatus,
    Finished,
    Reported,
    SearchStatus,
    Suggested,
    Tracked,
)
from ptune.record.journal import Journal
from ptune.spec.job import Job
from support.made_headers import header_of
from support.mlflow_server import MlflowServer

CONFIG = {"method": "v2", "length": 20, "lr": 0.01, "head_lr": None, "layers": "1,2"}


class Search:
    """A search's folder with a real journal, filled by hand; remembers what it reported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal(folder / "journal.jsonl")
        self.id = uuid.uuid4().hex
        self.reports: dict[int, list[float]] = {}
        self.tracked: list[tuple[int | None, str]] = []

    def begin(self, metric: str = "accuracy") -> None:
        (self.folder / "job.toml").write_text('name = "demo"\n')
        (self.folder / "job.json").write_text('{"name": "demo"}\n')
        job = Job.model_validate(
            {
                "name": "demo",
                "seed": 3,
                "backbone": {"id": "tiny"},
                "task": {"metric": metric, "data": {"source": "builtin:moods"}},
                "budget": {"trials": 4, "epochs": 9, "stopping": {"type": "asha", "eta": 3}},
                "space": {"parameters": {"length": {"low": 2, "high": 40}, "lr": {"low": 0.001, "high": 0.1}}},
            }
        )
        data = {
            "train": DataSource("builtin:moods", "a" * 64, 200),
            "dev": DataSource("/somewhere/dev.jsonl", "b" * 64, 50),
        }
        self.journal.append(header_of(job, 2, id=self.id, data=data, versions={"ptune": "0.1.0"}))

    def suggest(self, *trials: int) -> None:
        for trial in trials:
            self.journal.append(Suggested(trial, CONFIG))

    def report(self, trial: int, *values: float) -> None:
        for value in values:
            reports = self.reports.setdefault(trial, [])
            reports.append(value)
            metrics = {"accuracy": value, "loss": 1 - value} | {f"other_{i}": float(i) for i in range(10)}
            self.journal.append(Reported(trial, len(reports), metrics, ""))

    def finish(self, trial: int, status: FinalStatus, reason: str | None = None) -> None:
        self.journal.append(Finished(trial, status, reason))

    def test(self, trial: int, **metrics: float) -> None:
        self.journal.append(events.Tested(trial, metrics))

    def meter(self, engine: int, **usage: float) -> None:
        self.journal.append(events.Metered(engine, usage))

    def end(self, status: SearchStatus) -> None:
        self.journal.append(Ended(status))

    def hear(self, trial: int | None, run_id: str) -> None:
        self.tracked.append((trial, run_id))
        self.journal.append(Tracked(trial, run_id))


@pytest.fixture
def search(tmp_path: Path) -> Search:
    folder = tmp_path / "runs" / "demo"
    folder.mkdir(parents=True)
    return Search(folder)


@pytest.fixture
def database_uri(search: Search, blank_database: Path) -> str:
    """A database with MLflow's tables, where a search keeps it by default."""
    return f"sqlite:///{shutil.copy(blank_database, search.folder.parent / 'mlflow.db')}"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Iterator[MlflowServer]:
    folder = tmp_path_factory.mktemp("server")
    server = MlflowServer(folder, f"sqlite:///{shutil.copy(blank_database, folder / 'server.db')}")
    yield server
    server.kill()
