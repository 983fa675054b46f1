"""One experiment of an MLflow store, with the calls that ptune makes.

This is the only module of tracking that imports MLflow. The import takes seconds, so the module is imported only where
that does no harm. It knows runs, not journals. Every call may raise whatever MLflow, its database driver or the network
raises. `RefusedError` is the only error against which a second attempt cannot help.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

from ptune.errors import TrackingError
from ptune.record.events import DataSource
from ptune.tracking.batches import LogBatch
from ptune.tracking.best_model import BestModel, Registration, log_best, register
from ptune.tracking.failures import deleted_experiment
from ptune.tracking.metrics import shown
from ptune.tracking.projection import (
    LAYOUT,
    LAYOUT_TAG,
    NOTE_TAG,
    SEARCH_TAG,
    STATUS_TAG,
    TRIAL_TAG,
    RunImage,
    RunStatus,
)

MLFLOW_STATUS: dict[RunStatus, str] = {
    "running": "RUNNING",
    "complete": "FINISHED",
    "stopped": "FINISHED",  # MLflow marks what is killed like a failure, and early stopping is none
    "interrupted": "KILLED",
    "failed": "FAILED",
}
_OWN_NOTE_TAG = "ptune.note"
"""Of an experiment: the digest of the description that ptune wrote."""
_DIGEST_LENGTH = 16  # MLflow takes 36 characters and shows every one
_TABLE_FILES = {".csv", ".tsv", ".jsonl", ".json", ".parquet"}


class RefusedError(TrackingError):
    """The store understood a request and will never accept it."""


@dataclass(frozen=True)
class StoredRun:
    """A run as the store has it."""

    run_id: str
    mlflow_status: str
    end: int | None = None
    """Milliseconds since 1970."""
    ptune_status: str | None = None
    deleted: bool = False
    metrics: int = 0
    """How many metrics it has."""
    params: frozenset[str] = frozenset()
    """The parameters it has; MLflow lets none change."""
    layout: str | None = LAYOUT
    """How its names, parameters and metrics are laid out."""
    steps: Mapping[str, int] = field(default_factory=dict)
    """Of the metrics whose latest step is above 0, that step."""

    def stands_as(self, image: RunImage) -> bool:
        """Whether its status and end are the image's. A run that runs again may keep the time of its former end."""
        return self.mlflow_status == MLFLOW_STATUS[image.status] and image.end in {None, self.end}

    def is_whole(self, image: RunImage) -> bool:
        """Whether a trial's run needs nothing more. The tag that says how it ended is sent after its points.

        Test scores come even later, so they are sent again.
        """
        final = image.trial is not None and image.status in {"complete", "stopped", "failed"}
        whole = self.layout == LAYOUT and not image.tested
        return final and whole and self.ptune_status == image.status and self.stands_as(image)


class Store:
    """An experiment, created when it is missing.

    Raises:
        TrackingError: the experiment has been deleted.
    """

    def __init__(self, client: MlflowClient, experiment: str, artifact_location: str | None) -> None:
        self._client = client
        existing = client.get_experiment_by_name(experiment)
        if existing is None:
            self.experiment_id = str(client.create_experiment(experiment, artifact_location))
            self._tags: dict[str, str] = {}
        elif existing.lifecycle_stage == "deleted":
            raise TrackingError(deleted_experiment(experiment))
        else:
            self.experiment_id = str(existing.experiment_id)
            self._tags = dict(existing.tags)

    def describe(self, tags: Mapping[str, str]) -> None:
        """Give the experiment those tags that it does not have yet, or has with another value."""
        for key, value in tags.items():
            if self._tags.get(key) != value:
                with _refusals():
                    self._client.set_experiment_tag(self.experiment_id, key, value)
                self._tags[key] = value

    def annotate(self, note: str) -> None:
        """Give the experiment a description, unless people have written one of their own."""
        now = self._client.get_experiment(self.experiment_id).tags
        found = now.get(NOTE_TAG, "")
        if not found or _digest(found) == now.get(_OWN_NOTE_TAG):
            self.describe({NOTE_TAG: note, _OWN_NOTE_TAG: _digest(note)})

    def find(self, search: str, journaled: Mapping[int | None, str]) -> dict[int | None, StoredRun]:
        """The runs of a search by trial, deleted ones included.

        If the answer to a `create` is lost, the next attempt makes a second run. Of several runs the one that the
        journal names is kept, or else the one with the most metrics. The others are deleted.
        """
        runs_of: dict[int | None, list[StoredRun]] = {}
        for trial, run in self._search(search):
            runs_of.setdefault(trial, []).append(run)
        chosen = {}
        for trial, runs in runs_of.items():
            runs.sort(key=lambda run: (run.run_id == journaled.get(trial), not run.deleted, run.metrics), reverse=True)
            chosen[trial] = runs[0]
            for stray in runs[1:]:
                if not stray.deleted:
                    self._client.delete_run(stray.run_id)
        return chosen

    def create(self, image: RunImage, parent: str | None) -> StoredRun:
        """Create a run with all its tags, among them those by which `find` knows it."""
        tags = image.tags | image.pending.tags | ({"mlflow.parentRunId": parent} if parent else {})
        with _refusals():
            run = self._client.create_run(self.experiment_id, start_time=image.start, tags=tags, run_name=image.name)
        return StoredRun(run.info.run_id, "RUNNING")

    def send(self, run_id: str, batch: LogBatch) -> None:
        """Add a batch to a run, in one request. What the run already has does not change."""
        with _refusals():
            self._client.log_batch(
                run_id,
                metrics=[Metric(point.key, shown(point.value), point.time, point.step) for point in batch.points],
                params=[Param(key, value) for key, value in batch.params.items()],
                tags=[RunTag(key, value) for key, value in batch.tags.items()],
            )

    def set_status(self, run: StoredRun, image: RunImage) -> StoredRun:
        """Let a run end, or run again."""
        status = MLFLOW_STATUS[image.status]
        with _refusals():
            if image.end is None:
                self._client.update_run(run.run_id, status=status)
            else:
                self._client.set_terminated(run.run_id, status=status, end_time=image.end)
        return replace(run, mlflow_status=status, end=image.end)

    def add_data(self, run_id: str, data: Mapping[str, DataSource]) -> None:
        """Name a run's data sets, by split."""
        with _refusals():
            self._client.log_inputs(run_id, datasets=[_data_input(split, source) for split, source in data.items()])

    def add_files(self, run_id: str, paths: list[Path]) -> None:
        """Upload files, and folders under their own names; what is there already is replaced."""
        for path in paths:
            if path.is_dir():
                self._client.log_artifacts(run_id, str(path), artifact_path=path.name)
            else:
                self._client.log_artifact(run_id, str(path))

    def add_text(self, run_id: str, name: str, text: str) -> None:
        """Upload a text as a file."""
        self._client.log_text(run_id, text, name)

    def show_best(self, best: BestModel, registration: Registration | None) -> None:
        """Log the best prompt of a search as a model, unless it is there, and register it."""
        with _refusals():
            model = log_best(self._client, self.experiment_id, best)
            if model is not None and registration is not None:
                register(self._client, model, registration)

    def _search(self, search: str) -> Iterator[tuple[int | None, StoredRun]]:
        token: str | None = None
        while True:
            page = self._client.search_runs(
                [self.experiment_id],
                filter_string=f"tags.`{SEARCH_TAG}` = '{search}'",
                run_view_type=ViewType.ALL,
                max_results=1000,
                page_token=token,
            )
            for run in page:
                info, tags = run.info, run.data.tags
                trial = int(tags[TRIAL_TAG]) if TRIAL_TAG in tags else None
                deleted = info.lifecycle_stage == "deleted"
                yield (
                    trial,
                    StoredRun(
                        info.run_id,
                        info.status,
                        info.end_time,
                        tags.get(STATUS_TAG),
                        deleted,
                        len(run.data.metrics),
                        frozenset(run.data.params),
                        tags.get(LAYOUT_TAG),
                        {metric.key: metric.step for metric in run.data.to_proto().metrics if metric.step > 0},
                    ),
                )
            token = page.token
            if not token:
                return


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except MlflowException as error:
        if error.error_code in {"INVALID_PARAMETER_VALUE", "BAD_REQUEST"}:
            raise RefusedError(str(error)) from error
        raise


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


def _data_input(split: str, data: DataSource) -> DatasetInput:
    kind, reference = _reference(data.source)
    dataset = Dataset(
        name=f"{Path(data.source.removeprefix('builtin:')).name}:{split}",
        digest=data.digest[:_DIGEST_LENGTH],
        source_type=kind,
        source=json.dumps(reference),
        profile=json.dumps({"num_rows": data.rows, "digest": data.digest}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", split)])


def _reference(source: str) -> tuple[str, dict[str, Any]]:
    """A source in the forms MLflow itself can read back: a file, the package, or a Hub data set."""
    if source.startswith("builtin:"):
        return "code", {"tags": {"mlflow.source.name": source}}
    if Path(source).suffix in _TABLE_FILES:
        return "local", {"uri": source}
    return "hugging_face", {"path": source}
