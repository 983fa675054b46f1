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
from typing import TYPE_CHECKING

from ptune.backbone.footprint import Dimensions
from ptune.backbone.own_code import tell_code
from ptune.backbone.profile import Profile
from ptune.checks.job import check
from ptune.checks.memory import needs
from ptune.checks.reports import with_counted_reports
from ptune.data.sources import Splits
from ptune.record.events import Checkpoint, DataSource, Header
from ptune.run.origin import origin
from ptune.spec import grid
from ptune.spec.job import Job, Tables
from ptune.spec.places import locate, written
from ptune.spec.problem import error_of
from ptune.spec.published_settings import Model

if TYPE_CHECKING:
    from ptune.artifacts.artifact import Artifact

_LIBRARIES = ("ptune", "torch", "transformers", "datasets", "optuna", "ray", "mlflow")


@dataclass(frozen=True)
class Prepared:
    """A job that has passed every check.

    Attributes:
        job: the job.
        model: family and size of its backbone.
        splits: its data sets, in order.
        header: what the journal's first event says about it.
        sizes: of its backbone, which decide what an engine takes of its device's memory.
        start: the artifact from which its trials start; None if they start from nothing.
    """

    job: Job
    model: Model
    splits: Sequence[Splits]
    header: Header
    sizes: Dimensions
    start: Artifact | None = None

    @property
    def layers(self) -> int:
        """Layers of its backbone."""
        return self.model.layers

    @property
    def engine_bytes(self) -> int:
        """Memory that an engine takes on CPUs."""
        return needs(self.job, self.sizes, "cpu").total

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


def prepare(job: Job, runs: Path | None = None, kept: Path | None = None) -> Prepared:
    """Check a job against its backbone and its data, and load the data.

    Args:
        job: the job.
        runs: the runs folder, in whose database an artifact to start from may be.
        kept: the artifact that a search which has begun starts from, see `ptune.run.kept_start`.

    Raises:
        BackboneError: the backbone is not there or cannot take a prompt.
        SpecError: the space does not fit the backbone, the verbalizer's words its vocabulary, or the artifact to
            start from the space; or there are problems of several kinds.
        ArtifactError: the artifact to start from cannot be read.
        TrackingError: MLflow does not have it, or does not answer.
        HubError: the Hub does not have it, or does not answer.
        DataError: the data is missing or does not fit the task.
    """
    checked = check(Tables.of(job), fetch=True, read_data=True, runs=runs, kept=kept)
    if checked.problems:
        content = written(job.model_dump(mode="json"))
        lines = [f"{locate(Job, content, problem.place)[0]}: {problem.text}" for problem in checked.problems]
        raise error_of([problem.error for problem in checked.problems])("\n".join(lines))
    profile, splits = checked.profile, checked.splits
    assert profile is not None, "a backbone without a problem has a profile"
    assert splits is not None, "data without a problem is read"
    if profile.trust:
        tell_code(profile.folder, profile.id)
    job = with_counted_reports(_counted(job, profile.layers), splits)
    job = job.model_copy(update={"budget": job.budget.settled()})  # a journal says what another version would not
    header = _header(job, profile, splits)
    return Prepared(job, profile.model, splits, header, profile.dimensions, checked.start)


def _counted(job: Job, layers: int) -> Job:
    """The job with the number of trials that a grid has."""
    if job.budget.trials is not None or job.budget.sampler != "grid":
        return job
    trials = grid.size(job.space.resolved(layers))
    return job.model_copy(update={"budget": job.budget.model_copy(update={"trials": trials})})


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide a result."""
    installed = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed[name] = "not installed"
    return installed


def _labels(job: Job, splits: Sequence[Splits]) -> Sequence[str] | Sequence[Sequence[str]]:
    """The labels of the data set, or of each; a vocabulary to rank is no list of labels and stays out of records."""
    if job.task.data.word_labels:
        return []
    return [split.labels for split in splits] if len(splits) > 1 else splits[0].labels


def _header(job: Job, profile: Profile, splits: Sequence[Splits]) -> Header:
    several = len(splits) > 1
    named = {
        f"{role}.{name}" if several else role: split
        for name, parts in zip(job.task.set_names, splits, strict=True)
        for role, split in (("train", parts.train), ("dev", parts.dev), ("test", parts.test))
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
        backbone=Checkpoint(job.backbone.id, profile.weights_hash, profile.layers),
        versions=versions(),
        origin=origin(),
    )
