"""A job's backbone, loaded with its share of this node's cache."""

from __future__ import annotations

from dataclasses import replace

from ptune.backbone.backbone import Backbone
from ptune.backbone.load import best_device, load_backbone
from ptune.spec.job import Job

_WEIGHTS_SHARE = 0.25  # of the cache; hidden states need more than weights


def load_job_backbone(job: Job, device: str | None = None) -> Backbone:
    """Load a job's backbone; hidden states and converted weights each get their share of this node's cache.

    Args:
        job: the job.
        device: `cpu` or `cuda`; None is the device that the job asks for.

    Raises:
        BackboneError: it is not there or cannot take a prompt.
    """
    if device is None:
        device = best_device() if job.resources.device == "auto" else job.resources.device
    choice = job.backbone
    cache_bytes = int(job.resources.cache_gb * 2**30)
    weights = int(cache_bytes * _WEIGHTS_SHARE)
    backbone = load_backbone(
        choice.id,
        choice.revision,
        choice.dtype,
        device,
        lm=job.task.language,
        shared=weights,
        trust=choice.trust_remote_code,
    )
    return replace(backbone.with_cache(cache_bytes - weights), checkpointing=job.resources.checkpointing)
