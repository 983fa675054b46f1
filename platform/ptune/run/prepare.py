"""Everything that can be refused before anything starts: the backbone, the space on it, and the data.

Imports no torch: what a backbone can take is read from its config.
"""

from __future__ import annotations

import importlib.metadata
import platform
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptune.backbone.families import family_of
from ptune.backbone.locate import layer_count, locate, read_config, weights_hash
from ptune.data.sources import Splits, load_splits
from ptune.errors import SpecError
from ptune.spec.job import Job
from ptune.spec.space import Parameter, Space

_LIBRARIES = ("ptune", "torch", "transformers", "datasets", "optuna", "ray", "mlflow")


@dataclass(frozen=True)
class Prepared:
    """A job that has passed every check.

    Attributes:
        job: the job.
        layers: layers of its backbone.
        splits: its data.
        header: what the journal's `search` event says about it.
    """

    job: Job
    layers: int
    splits: Splits
    header: dict[str, Any]


def prepare(job: Job) -> Prepared:
    """Check a job against its backbone and its data, and load the data.

    Raises:
        BackboneError: the backbone is not there or cannot take a prompt.
        SpecError: the space does not fit the backbone.
        DataError: the data is missing or does not fit the task.
    """
    folder = locate(job.backbone.id, job.backbone.revision)
    layers = check_space(job, folder)
    splits = load_splits(job.task.data, job.seed)
    return Prepared(job, layers, splits, _header(job, folder, layers, splits))


def check_space(job: Job, folder: Path) -> int:
    """Check a job's space against the backbone in `folder`; return the backbone's layers.

    Raises:
        BackboneError: the backbone cannot take a prompt.
        SpecError: bounds, baseline points or prompt lengths do not fit it.
    """
    config = read_config(folder)
    family = family_of(str(config.get("model_type")), job.backbone.id)
    layers = layer_count(folder)
    space = job.space.resolved(layers)
    positions = config.get("max_position_embeddings", config.get("n_positions"))
    if family.positions != "rotary" and isinstance(positions, int):
        _check_positions(job, space, positions - 2 if family.positions == "roberta" else positions)
    return layers


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide a result."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _check_positions(job: Job, space: Space, positions: int) -> None:
    """Refuse inputs that could reach past the backbone's last position: long texts, or v2 prompts before them."""
    methods = {value for parameter in space.parameters.get("method", []) for value in _values(parameter)} or {"v2"}
    lengths = [
        int(value)
        for parameter in space.parameters.get("length", [])
        if "v2" in methods and parameter.when.get("method", "v2") != "v1"
        for value in _values(parameter)
    ]
    longest, text = max(lengths, default=0), job.task.data.max_length
    if longest + text > positions:
        law = "length + task.data.max_length" if longest else "task.data.max_length"
        given = f"{longest} + {text} (a v2 prompt takes positions before the text)" if longest else str(text)
        raise SpecError(f"{law} <= {positions} must hold on {job.backbone.id}, got {given}")


def _values(parameter: Parameter) -> list[Any]:
    if parameter.choices is not None:
        return list(parameter.choices)
    return [parameter.value if parameter.value is not None else parameter.high]


def _header(job: Job, folder: Path, layers: int, splits: Splits) -> dict[str, Any]:
    named = {"train": splits.train, "dev": splits.dev, "test": splits.test}
    return {
        "id": uuid.uuid4().hex,
        "name": job.name,
        "job": job.model_dump(mode="json"),
        "data": {
            name: {"source": split.source, "digest": split.digest, "rows": len(split)}
            for name, split in named.items()
            if split is not None
        },
        "labels": splits.labels,
        "backbone": {"id": job.backbone.id, "hash": weights_hash(folder), "layers": layers},
        "versions": versions(),
    }
