"""Whether a search can start from a trained prompt: it is there, on the same backbone, and of the same shape."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ptune.backbone.profile import Profile
from ptune.errors import ArtifactError
from ptune.spec.problem import Problem
from ptune.spec.prompt import METHODS
from ptune.spec.prompt_uri import FORMS, is_uri, uri_law
from ptune.spec.space import Space
from ptune.spec.starts import SHAPE
from ptune.spec.task import Task
from ptune.spec.tracking import Tracking, is_in_mlflow
from ptune.spec.trial import DEFAULT_METHOD, Scalar, defaults

if TYPE_CHECKING:
    from ptune.artifacts.artifact import Artifact


def place_problems(start: str) -> list[Problem]:
    """That a job starts from a folder that is not there, or from a URI that can be none of a prompt."""
    if is_uri(start):
        law = uri_law(start)
        return [] if law is None else [Problem(("start",), law)]
    law = f"{start}: there is no such folder to start from; a prompt that lies elsewhere is named {FORMS}"
    return [] if Path(start).is_dir() else [Problem(("start",), law, ArtifactError)]


def artifact_at(start: str, tracking: Tracking | None, runs: Path) -> Artifact:
    """The artifact from which a job starts, fetched if it lies elsewhere; imports torch to read it.

    Args:
        start: what the job names, of a form that can be right.
        tracking: where the job's runs are, and so those of MLflow that `start` may mean.
        runs: the runs folder, whose database MLflow has where nothing else is said.

    Raises:
        PtuneError: there is no such prompt, or where it should be does not answer.
    """
    from ptune.artifacts.load import load_artifact  # imported here because artifacts import torch

    if not (is_uri(start) and is_in_mlflow(start)):
        return load_artifact(Path(start))
    from ptune.tracking.fetch import fetch_prompt
    from ptune.tracking.location import resolve_uri

    uri = resolve_uri(tracking.uri if tracking is not None else None, runs)
    with tempfile.TemporaryDirectory(prefix="ptune-start-") as scratch:
        return load_artifact(fetch_prompt(start, uri, Path(scratch)))


def start_problems(artifact: Artifact, task: Task, space: Space, profile: Profile) -> list[Problem]:
    """What keeps every trial of a job from starting from an artifact."""
    manifest, laws = artifact.manifest, []
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
