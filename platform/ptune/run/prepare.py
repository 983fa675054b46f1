"""Everything that can be refused before anything starts: the backbone, the space on it, and the data.

Imports no torch: what a backbone can take is read from its config.
"""

from __future__ import annotations

import importlib.metadata
import platform
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ptune.backbone.families import family_of
from ptune.backbone.locate import layer_count, locate, read_config, weights_hash
from ptune.data.sources import Splits, load_splits
from ptune.errors import SpecError
from ptune.spec.job import Job
from ptune.spec.prompt import PromptV2
from ptune.spec.space import Space
from ptune.spec.trial import DEFAULT_METHOD

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

    def renamed(self, name: str) -> Prepared:
        """The same under another name of the search."""
        job = self.job.model_copy(update={"name": name})
        return replace(self, job=job, header={**self.header, "name": name, "job": job.model_dump(mode="json")})


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
        padding = config.get("pad_token_id", 1)
        _check_positions(job, space, positions - family.first_position(padding if isinstance(padding, int) else None))
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
    """Refuse inputs that could reach past the last position: long texts, or shifted v2 prompts before them."""
    longest, text = _longest_shift(space), job.task.data.max_length
    if longest + text > positions:
        law = "length + task.data.max_length" if longest else "task.data.max_length"
        given = f"{longest} + {text} (a v2 prompt takes positions before the text)" if longest else str(text)
        raise SpecError(f"{law} <= {positions} must hold on {job.backbone.id}, got {given}")


def _longest_shift(space: Space) -> int:
    """The most positions that a v2 prompt of a resolved space can take before the text."""
    stated = {value for definition in space.parameters.get("method", []) for _, value in definition.stated()}
    if "v2" not in (stated or {DEFAULT_METHOD}) or space.values_under("v2", "positions") == {"unshifted"}:
        return 0
    return max(map(int, space.values_under("v2", "length")), default=PromptV2().length)


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
