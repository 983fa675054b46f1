"""Everything that can be refused before anything starts: the backbone, the space on it, and the data.

Imports no torch: what a backbone can take is read from its config.
"""

from __future__ import annotations

import importlib.metadata
import platform
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ptune.backbone.families import Family, family_of
from ptune.backbone.locate import layer_count, locate, read_config, weights_hash
from ptune.data.sources import Splits, load_splits
from ptune.errors import SpecError
from ptune.record.events import Checkpoint, DataSource, Header
from ptune.run.feasible import check_feasible
from ptune.run.footprint import engine_bytes
from ptune.run.language import check_language
from ptune.run.positions import check_positions
from ptune.run.start import check_start
from ptune.spec import grid
from ptune.spec.job import Job

_LIBRARIES = ("ptune", "torch", "transformers", "datasets", "optuna", "ray", "mlflow")


@dataclass(frozen=True)
class Prepared:
    """A job that has passed every check.

    Attributes:
        job: the job.
        layers: layers of its backbone.
        splits: its data sets, in order.
        header: what the journal's first event says about it.
        engine_bytes: memory that an engine takes on CPUs, see `ptune.run.footprint`.
    """

    job: Job
    layers: int
    splits: Sequence[Splits]
    header: Header
    engine_bytes: int

    def renamed(self, name: str) -> Prepared:
        """The same under another name of the search."""
        job = self.job.model_copy(update={"name": name})
        return replace(self, job=job, header=replace(self.header, name=name, job=job))

    def typed(self, dtype: str | None) -> Prepared:
        """The same with frozen weights of one type, whatever a device would choose; as it is for None."""
        if dtype is None:
            return self
        backbone = self.job.backbone.model_copy(update={"dtype": dtype})
        return replace(self, job=self.job.model_copy(update={"backbone": backbone}))


def prepare(job: Job) -> Prepared:
    """Check a job against its backbone and its data, and load the data.

    Raises:
        BackboneError: the backbone is not there or cannot take a prompt.
        SpecError: the space does not fit the backbone, the verbalizer's words its vocabulary, or the artifact to
            start from the space.
        ArtifactError: the artifact to start from cannot be read.
        DataError: the data is missing or does not fit the task.
    """
    folder = locate(job.backbone.id, job.backbone.revision)
    layers = check_space(job, folder)
    job = _counted(job, layers)
    splits = [load_splits(data, job.drawing_seed) for data in job.task.sets]
    check_language(job, splits, folder)
    weights = weights_hash(folder)
    check_start(job, weights)
    header = _header(job, weights, layers, splits)
    return Prepared(job, layers, splits, header, engine_bytes(job, folder, layers))


def check_space(job: Job, folder: Path) -> int:
    """Check a job's space against the backbone in `folder`; return the backbone's layers.

    Raises:
        BackboneError: the backbone cannot take a prompt.
        SpecError: the kind of task, bounds, baseline points, prompt lengths or the size of a grid do not fit it, or
                a stated value can never be tried.
    """
    config = read_config(folder)
    family = family_of(str(config.get("model_type")), job.backbone.id)
    layers = layer_count(folder)
    _check_kind(job, family)
    space = job.space.resolved(layers)
    if job.budget.sampler == "grid" and (law := grid.broken_trials(space, job.budget.trials)) is not None:
        raise SpecError(f"budget.{law}")
    check_positions(job, space, family, config, layers)
    check_feasible(job, space, family, folder, layers)
    return layers


def _check_kind(job: Job, family: Family) -> None:
    """Refuse a kind of task that a family does not answer."""
    task = job.task
    if family.reads not in task.read:
        kind = {"first": "an encoder", "last": "a causal language model", "decoder": "an encoder-decoder"}[family.reads]
        raise SpecError(f"task.kind = {task.kind!r} {task.needs}, and {job.backbone.id} is {kind}")


def _counted(job: Job, layers: int) -> Job:
    """The job with the number of trials that a grid has."""
    if job.budget.trials is not None:
        return job
    trials = grid.size(job.space.resolved(layers))
    return job.model_copy(update={"budget": job.budget.model_copy(update={"trials": trials})})


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide a result."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _labels(job: Job, splits: Sequence[Splits]) -> Sequence[str] | Sequence[Sequence[str]]:
    """The labels of the data set, or of each; a vocabulary to rank is no list of labels and stays out of records."""
    if job.task.data.word_labels:
        return []
    return [one.labels for one in splits] if len(splits) > 1 else splits[0].labels


def _header(job: Job, weights: str, layers: int, splits: Sequence[Splits]) -> Header:
    several = len(splits) > 1
    named = {
        f"{role}.{name}" if several else role: split
        for name, one in zip(job.task.set_names, splits, strict=True)
        for role, split in (("train", one.train), ("dev", one.dev), ("test", one.test))
    }
    return Header(
        id=uuid.uuid4().hex,
        name=job.name,
        job=job,
        data={
            name: DataSource(split.source, split.digest, len(split))
            for name, split in named.items()
            if split is not None
        },
        labels=_labels(job, splits),
        backbone=Checkpoint(job.backbone.id, weights, layers),
        versions=versions(),
    )
