"""Where a search comes from: its seeds, versions, dates and command, and where a tracker shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from ptune.record.events import Checkpoint
from ptune.record.history import History
from ptune.spec.quantization import Quantization
from ptune.spec.started_from import StartedFrom


@dataclass(frozen=True)
class TrackedAt:
    """Where MLflow shows a search: addresses on a server, or a command where there is no server."""

    command: str
    """What opens it on the machine that ran the search."""
    search: str | None = None
    """The address of the search's run."""
    trials: Mapping[int, str] | None = None
    """The address of each trial's run."""


@dataclass(frozen=True)
class Provenance:
    """What it takes to run the search again, and to find it."""

    seed: int
    """Every trial's random streams follow from it and the trial's number."""
    data_seed: int
    """Few-shot draws follow from it."""
    started: str
    """In UTC."""
    last: str
    """When it was last at work, in UTC."""
    worked_s: float
    user: str | None
    command: str | None
    commit: str | None
    versions: Mapping[str, str]
    backbone: Checkpoint
    dtype: str | None
    """The type of the frozen weights; None before they were loaded."""
    quantization: Quantization | None
    """How the matrices of the backbone's layers are quantized; None is not at all."""
    start: StartedFrom | None
    """What its trials started from; None if that was nothing."""
    tracked: TrackedAt | None
    """None for a search that nothing tracks."""

    def to_json(self) -> dict[str, Any]:
        """The provenance as one JSON object."""
        return asdict(self)


def provenance(history: History, server: str | None = None) -> Provenance:
    """The provenance of a search.

    Args:
        history: the search.
        server: the address of the MLflow server that tracks it; None for a database.
    """
    header, origin = history.header, history.header.origin
    return Provenance(
        seed=header.job.seed,
        data_seed=header.job.drawing_seed,
        started=_date(history.started_at),
        last=_date(history.last_at),
        worked_s=round(history.worked_s, 3),
        user=None if origin is None else origin.user,
        command=None if origin is None else origin.command,
        commit=None if origin is None else origin.commit,
        versions=header.versions,
        backbone=header.backbone,
        dtype=history.dtype,
        quantization=header.job.backbone.quantization,
        start=header.start,
        tracked=None if header.job.tracking.type == "none" else _tracked(history, server),
    )


def _tracked(history: History, server: str | None) -> TrackedAt:
    command = f"ptune ui {history.header.name}"
    if server is None:
        return TrackedAt(command)
    runs = {number: trial.run_id for number, trial in history.trials.items()}
    trials = {number: _run_page(server, run_id) for number, run_id in runs.items() if run_id is not None}
    return TrackedAt(command, None if history.run_id is None else _run_page(server, history.run_id), trials)


def _run_page(server: str, run_id: str) -> str:
    """The address of a run; MLflow finds its experiment."""
    return f"{server.rstrip('/')}/#/runs/{run_id}"


def _date(moment: float | None) -> str:
    return datetime.fromtimestamp(moment or 0.0, UTC).strftime("%Y-%m-%d %H:%M UTC")
