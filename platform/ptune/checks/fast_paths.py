"""What a backbone must be for each way of running it faster that a job may switch on."""

from __future__ import annotations

from collections.abc import Iterator

from ptune.backbone.footprint import Dimensions
from ptune.backbone.profile import Profile
from ptune.backbone.varlen import kernel_takes
from ptune.spec.job import BackboneSpec
from ptune.spec.problem import Problem
from ptune.spec.resources import Resources

_PATHS = ("compile", "unpadded", "unpadded_attention", "cuda_graphs")


def fast_path_problems(resources: Resources, backbone: BackboneSpec | None, profile: Profile) -> list[Problem]:
    """The laws of `resources.compile`, `unpadded`, `unpadded_attention` and `cuda_graphs`.

    Args:
        resources: the job's.
        backbone: the job's, where it is valid.
        profile: the backbone's.
    """
    return [
        Problem(("resources", path), f"must be false, because {reason}")
        for path in _PATHS
        if getattr(resources, path)
        for reason in _reasons(path, resources, backbone, profile)
    ]


def _reasons(path: str, resources: Resources, backbone: BackboneSpec | None, profile: Profile) -> Iterator[str]:
    if profile.family.layers is None:
        yield f"{profile.id} runs as a whole and not layer by layer"
    if path.startswith("unpadded"):
        if not profile.family.unpads:
            yield f"the layers of {profile.id} ask which row a token is of"
        if path == "unpadded_attention":
            yield from _attention_reasons(resources, backbone, profile)
        return
    if backbone is not None and backbone.quantization is not None:
        yield f"the backbone is quantized to {backbone.quantization}"
    if resources.gpus_per_engine > 1:
        yield f"the layers are spread over {resources.gpus_per_engine} GPUs"
    if path == "cuda_graphs":
        if resources.device == "cpu":
            yield "device is 'cpu'"
        if resources.unpadded:
            yield "unpadded passes have other shapes each time"
        if resources.compile:
            yield "the layers are compiled"
        if resources.checkpointing == "always":
            yield "layers that are recomputed are not replayed"


def _attention_reasons(resources: Resources, backbone: BackboneSpec | None, profile: Profile) -> Iterator[str]:
    if not resources.unpadded:
        yield "unpadded is false"
    if resources.device == "cpu":
        yield "device is 'cpu'"
    if backbone is not None and backbone.dtype == "float32":
        yield "dtype is 'float32'"
    family = profile.family
    if family.layers is None:
        return
    if not family.sees_rows(profile.config):
        off = f" unless its config.json turns {family.window} off" if family.whole and family.window else ""
        yield f"tokens of {profile.id} may not see their whole rows{off}"
    width = Dimensions.of(profile.config, family, profile.layers, parameters=0).head_width
    if not kernel_takes(width):
        yield f"the heads of {profile.id} are {width} wide, which the kernel does not take"
