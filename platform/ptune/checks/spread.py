"""What a backbone must be, and what trials may do, where its layers are spread over several GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from ptune.backbone.profile import Profile
from ptune.spec.problem import Problem
from ptune.spec.resources import Resources
from ptune.spec.space import Space

_PLACE = ("resources", "gpus_per_engine")


def spread_problems(resources: Resources, space: Space | None, profile: Profile) -> list[Problem]:
    """The laws of `resources.gpus_per_engine`.

    Args:
        resources: the job's.
        space: the job's, where it is valid.
        profile: the backbone.
    """
    return list(_broken(resources.gpus_per_engine, space, profile))


def _broken(gpus: int, space: Space | None, profile: Profile) -> Iterator[Problem]:
    if gpus == 1:
        return
    if profile.family.layers is None:
        text = (
            f"gpus_per_engine = 1 must hold for {profile.id}, which runs as a whole and not layer by layer, got {gpus}"
        )
        yield Problem(_PLACE, text)
    elif gpus > profile.layers:
        text = f"gpus_per_engine <= {profile.layers} must hold, the layers of {profile.id}, got {gpus}"
        yield Problem(_PLACE, text)
    if space is not None and space.tunes:
        text = f"a backbone that is spread over GPUs is not tuned, but gpus_per_engine is {gpus}; leave backbone_lr out"
        yield Problem(("space", "parameters", "backbone_lr"), text)
    if find_spec("accelerate") is None:
        text = f"gpus_per_engine = {gpus} needs the package accelerate (pip install accelerate); 1 needs none"
        yield Problem(_PLACE, text)
