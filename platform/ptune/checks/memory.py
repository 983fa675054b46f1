"""How much memory an engine may take on CPUs, estimated before it is there."""

from __future__ import annotations

from ptune.backbone.profile import Profile
from ptune.spec.job import Job

GIB = 2**30
_PROCESS = GIB  # an interpreter with torch and transformers, and the data
_CLIENT = 120 * 2**20  # of a trial's client: Ray and Tune without torch
_TOKENS = 2_048  # of a pass on a CPU, unless stated
_SAVED_PER_NUMBER = 40  # bytes that a layer saves for each number of a hidden state (BERT in float32: 38)
_WIDE = 4_096  # a hidden state, where the config does not say how wide it is
_TRAINED_COPIES = 4  # of a tuned backbone: weights, gradients, two moments


def engine_bytes(job: Job, profile: Profile) -> int:
    """Bytes: process and clients, weights in float32, what the largest pass saves, each slot's own tuned backbone."""
    weights, width = profile.float32_bytes, profile.width or _WIDE
    budget = job.resources.token_budget
    longest = max(data.max_length for data in job.task.sets)
    tokens = max(_TOKENS if budget == "auto" else budget, longest)
    saved = tokens * profile.layers * width * _SAVED_PER_NUMBER
    tuned = job.resources.slots * _TRAINED_COPIES * weights if "backbone_lr" in job.space.parameters else 0
    return int(_PROCESS + job.resources.slots * _CLIENT + weights + saved + tuned)
