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
from typing import Any

from ptune.backbone.families import Family, family_of
from ptune.backbone.locate import layer_count, locate, read_config, weights_hash
from ptune.data.sources import Splits, load_splits
from ptune.errors import SpecError
from ptune.run.language import check_language
from ptune.run.start import check_start
from ptune.spec import grid
from ptune.spec.data import Data, GenerationData
from ptune.spec.job import Job
from ptune.spec.prompt import PromptV2
from ptune.spec.space import Space
from ptune.spec.task import Cloze
from ptune.spec.trial import DEFAULT_METHOD

_LIBRARIES = ("ptune", "torch", "transformers", "datasets", "optuna", "ray", "mlflow")


@dataclass(frozen=True)
class Prepared:
    """A job that has passed every check.

    Attributes:
        job: the job.
        layers: layers of its backbone.
        splits: its data sets, in order.
        header: what the journal's `search` event says about it.
    """

    job: Job
    layers: int
    splits: Sequence[Splits]
    header: dict[str, Any]

    def renamed(self, name: str) -> Prepared:
        """The same under another name of the search."""
        job = self.job.model_copy(update={"name": name})
        return replace(self, job=job, header={**self.header, "name": name, "job": job.model_dump(mode="json")})


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
    check_start(job, weights_hash(folder))
    return Prepared(job, layers, splits, _header(job, folder, layers, splits))


def check_space(job: Job, folder: Path) -> int:
    """Check a job's space against the backbone in `folder`; return the backbone's layers.

    Raises:
        BackboneError: the backbone cannot take a prompt.
        SpecError: the kind of task, bounds, baseline points, prompt lengths or the size of a grid do not fit it.
    """
    config = read_config(folder)
    family = family_of(str(config.get("model_type")), job.backbone.id)
    layers = layer_count(folder)
    _check_kind(job, family)
    space = job.space.resolved(layers)
    if job.budget.sampler == "grid" and (law := grid.broken_trials(space, job.budget.trials)) is not None:
        raise SpecError(f"budget.{law}")
    positions = config.get("max_position_embeddings", config.get("n_positions"))
    bounded = family.positions in ("absolute", "roberta", "fixed")
    if family.positions == "relative":  # DeBERTa may embed positions, too, and does so unless its config says otherwise
        bounded = bool(config.get("position_biased_input", family.reads == "first"))
    if bounded and isinstance(positions, int):
        padding = config.get("pad_token_id", 1)
        first = family.first_position(padding if isinstance(padding, int) else None)
        _check_positions(job, space, family, positions - first)
    return layers


def _check_kind(job: Job, family: Family) -> None:
    """Refuse a kind of task that a family does not answer."""
    kind, name = job.task.kind, job.backbone.id
    if kind == "generation" and family.reads == "first":
        raise SpecError(
            f'task.kind = "generation" needs a causal language model or an encoder-decoder, and {name} is an encoder'
        )
    if kind in ("tokens", "span") and family.reads == "decoder":
        raise SpecError(
            f"task.kind = {kind!r} reads the tokens of the text, and {name} is an encoder-decoder, which is read "
            f"through its decoder: name an encoder or a causal language model"
        )


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


def _check_positions(job: Job, space: Space, family: Family, positions: int) -> None:
    """Refuse inputs that could reach past the last position: long texts, or shifted v2 prompts before them."""
    longest = _longest_shift(space) if family.shifts else 0
    text = max(_longest_text(data, family) for data in job.task.sets)
    if longest + text > positions:
        law = "length + task.data.max_length" if longest else "task.data.max_length"
        law += " + max_target" if job.task.kind == "generation" and family.reads == "last" else ""
        given = f"{longest} + {text} (a v2 prompt takes positions before the text)" if longest else str(text)
        raise SpecError(f"{law} <= {positions} must hold on {job.backbone.id}, got {given}")


def _longest_text(data: Data, family: Family) -> int:
    """Tokens of the longest input, with the text that is written: behind it, or by itself in a decoder."""
    if not isinstance(data, GenerationData):
        return data.max_length
    if family.reads == "decoder":
        return max(data.max_length, data.max_target + 1)
    return data.max_length + data.max_target


def _longest_shift(space: Space) -> int:
    """The most positions that a v2 prompt of a resolved space can take before the text."""
    stated = {value for definition in space.parameters.get("method", []) for _, value in definition.stated()}
    if "v2" not in (stated or {DEFAULT_METHOD}) or space.values_under("v2", "positions") == {"unshifted"}:
        return 0
    lengths = [int(length) for text in space.values_under("v2", "lengths") for length in str(text).split(",")]
    return max([*map(int, space.values_under("v2", "length")), *lengths], default=PromptV2().length)


def _labels(job: Job, splits: Sequence[Splits]) -> list[Any]:
    """The labels of the data set, or of each; a vocabulary to rank is no list of labels and stays out of records."""
    if isinstance(job.task, Cloze):
        return []
    return [one.labels for one in splits] if len(splits) > 1 else splits[0].labels


def _header(job: Job, folder: Path, layers: int, splits: Sequence[Splits]) -> dict[str, Any]:
    several = len(splits) > 1
    named = {
        f"{role}.{name}" if several else role: split
        for name, one in zip(job.task.set_names, splits, strict=True)
        for role, split in (("train", one.train), ("dev", one.dev), ("test", one.test))
    }
    return {
        "id": uuid.uuid4().hex,
        "name": job.name,
        "job": job.model_dump(mode="json"),
        "data": {
            name: {"source": split.source, "digest": split.digest, "rows": len(split)}
            for name, split in named.items()
            if split is not None
        },
        "labels": _labels(job, splits),
        "backbone": {"id": job.backbone.id, "hash": weights_hash(folder), "layers": layers},
        "versions": versions(),
    }
