"""Whether a search can start from an exported artifact: the same backbone, and a prompt of the same shape."""

from __future__ import annotations

from pathlib import Path

from ptune.backbone.profile import Profile
from ptune.errors import ArtifactError
from ptune.spec.problem import Problem
from ptune.spec.prompt import METHODS
from ptune.spec.space import Space
from ptune.spec.starts import SHAPE
from ptune.spec.task import Task
from ptune.spec.trial import DEFAULT_METHOD, Scalar, defaults


def folder_problems(start: str) -> list[Problem]:
    """That the artifact which a job starts from is not there."""
    law = f"{start}: there is no such folder to start from"
    return [] if Path(start).is_dir() else [Problem(("start",), law, ArtifactError)]


def start_problems(start: str, task: Task, space: Space, profile: Profile) -> list[Problem]:
    """What keeps every trial of a job from starting from an artifact; imports torch to read it."""
    from ptune.artifacts.load import load_artifact  # imported here because artifacts import torch

    try:
        manifest = load_artifact(Path(start)).manifest
    except ArtifactError as error:
        return [Problem(("start",), str(error), ArtifactError)]
    laws = []
    if manifest.backbone.hash != profile.weights_hash:
        laws.append(f"the artifact's prompt belongs to {manifest.backbone.id}, not to {profile.id}")
    if manifest.tuned:
        laws.append("the artifact's backbone was tuned, so its prompt means nothing on the frozen one")
    unknown = [name for name in task.set_names if name not in manifest.set_names]
    if manifest.prompt_per_dataset and unknown:
        have = ", ".join(manifest.set_names)
        laws.append(f"the artifact has prompts for {have}, and none for {', '.join(unknown)}")
    prompt = manifest.prompt
    shape = {name: value for name, value in prompt.model_dump().items() if name in SHAPE}
    if "encoder" in type(prompt).model_fields:
        shape["encoder"] = "embedding"  # other encoders cannot be taken up again from what they were collapsed to
    laws += [law for name, value in shape.items() if (law := _differs(space, prompt.method, name, value)) is not None]
    return [Problem(("start",), law) for law in laws]


def _differs(space: Space, method: str, name: str, value: Scalar | None) -> str | None:
    """How the space's values of one parameter differ from the artifact's."""
    values: set[Scalar | None] = {*space.values_under(method, name)} or {_default(method, name)}
    if values == {value}:
        return None
    return f"every trial must have {name} = {value!r}, as the artifact has, got {sorted(map(str, values))}"


def _default(method: str, name: str) -> Scalar | None:
    if name == "method":
        return DEFAULT_METHOD
    return defaults(method).get(name) if name in METHODS[method].model_fields else None
