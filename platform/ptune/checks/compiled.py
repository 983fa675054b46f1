"""What a backbone must be where its layers are compiled."""

from __future__ import annotations

from collections.abc import Iterator

from ptune.backbone.profile import Profile
from ptune.spec.job import BackboneSpec
from ptune.spec.problem import Problem
from ptune.spec.resources import Resources


def compile_problems(resources: Resources, backbone: BackboneSpec | None, profile: Profile) -> list[Problem]:
    """The laws of `resources.compile`.

    Args:
        resources: the job's.
        backbone: the job's, where it is valid.
        profile: the backbone's.
    """
    if not resources.compile:
        return []
    reasons = _reasons(resources, backbone, profile)
    return [Problem(("resources", "compile"), f"must be false, because {reason}") for reason in reasons]


def _reasons(resources: Resources, backbone: BackboneSpec | None, profile: Profile) -> Iterator[str]:
    if profile.family.layers is None:
        yield f"{profile.id} runs as a whole and not layer by layer"
    if backbone is not None and backbone.quantization is not None:
        yield f"the backbone is quantized to {backbone.quantization}"
    if resources.gpus_per_engine > 1:
        yield f"the layers are spread over {resources.gpus_per_engine} GPUs"
