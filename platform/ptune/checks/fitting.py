"""The settings with which an engine of a job fits on GPUs that do not hold it as it is."""

from __future__ import annotations

from collections.abc import Mapping

from ptune.backbone.footprint import Dimensions
from ptune.checks.memory import needs
from ptune.spec.job import Job


def settings_that_fit(job: Job, sizes: Dimensions, room: int, gpus: int) -> list[Mapping[str, str | int]] | None:
    """What makes an engine fit, by key; each is enough.

    Args:
        job: the job, which tunes no backbone.
        sizes: of its backbone.
        room: bytes that each GPU has for it.
        gpus: how many there are.

    Returns:
        Nothing if it fits as it is; None if neither more GPUs nor 8 bits make it fit.
    """
    spreads = min(gpus, sizes.layers) if sizes.family.layers is not None else 1
    ways: list[Mapping[str, str | int]] = []
    for quantization in dict.fromkeys((job.backbone.quantization, "int8")):
        for count in range(job.resources.gpus_per_engine, spreads + 1):
            backbone = job.backbone.model_copy(update={"quantization": quantization})
            resources = job.resources.model_copy(update={"gpus_per_engine": count})
            tried = job.model_copy(update={"backbone": backbone, "resources": resources})
            if needs(tried, sizes, "cuda").least > room:
                continue
            way: dict[str, str | int] = {}
            if quantization is not None and quantization != job.backbone.quantization:
                way["backbone.quantization"] = quantization
            if count > job.resources.gpus_per_engine:
                way["resources.gpus_per_engine"] = count
            if not way:
                return []
            if not any(earlier.items() <= way.items() for earlier in ways):
                ways.append(way)
            break
    return ways or None
