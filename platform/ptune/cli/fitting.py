"""Which models that are here no GPU of this machine holds, and what makes each fit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptune.spec.job import Job


@dataclass(frozen=True)
class Gpu:
    """A CUDA device."""

    name: str
    memory_gb: float


def plain_job(name: str) -> Job:
    """A job on a backbone that leaves everything to the defaults."""
    from ptune.spec.job import Job

    job = {
        "name": "defaults",
        "backbone": {"id": name},
        "task": {"data": {"source": "builtin:whose_job"}},
        "space": {"parameters": {"method": {"value": "v2"}}},
        "budget": {"trials": 1, "epochs": 1},
    }
    return Job.model_validate(job)


def too_large(models: Sequence[str], gpus: Sequence[Gpu]) -> dict[str, str]:
    """What makes a model fit that none of the GPUs holds with a job's defaults, by its id.

    Args:
        models: ids of models in the Hub's cache; those that ptune cannot train on are left out.
        gpus: the GPUs found; each engine over several has as much of each as of the smallest.
    """
    if not gpus:
        return {}
    cures = {name: _cure(name, gpus) for name in models}
    return {name: cure for name, cure in cures.items() if cure is not None}


def _cure(name: str, gpus: Sequence[Gpu]) -> str | None:
    from ptune.backbone.locate import located
    from ptune.backbone.profile import read_profile
    from ptune.checks.fitting import settings_that_fit
    from ptune.checks.memory import GIB, needs
    from ptune.errors import BackboneError

    try:
        folder = located(name)
        sizes = None if folder is None else read_profile(folder, name).dimensions
    except BackboneError:
        return None
    job, sizes_of = plain_job(name), [gpu.memory_gb * GIB for gpu in gpus]
    if sizes is None or needs(job, sizes, "cuda").least <= max(sizes_of):
        return None
    ways = settings_that_fit(job, sizes, int(min(sizes_of)), len(gpus))
    if not ways:
        return "neither 8 bits nor all of these GPUs hold it; take larger ones"
    return ", or ".join(" with ".join(f"{key} = {json.dumps(value)}" for key, value in way.items()) for way in ways)
