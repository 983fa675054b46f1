"""Whether a search can start from an exported artifact: the same backbone, and a prompt of the same shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ptune.errors import SpecError
from ptune.spec.job import Job
from ptune.spec.prompt import METHODS
from ptune.spec.trial import DEFAULT_METHOD

_SHAPE = ("method", "length", "depth", "side", "layers", "lengths", "positions", "template")


def check_start(job: Job, weights: str) -> None:
    """Check the artifact that a job starts from against the job's backbone and space; jobs without one pass.

    Args:
        job: the job.
        weights: hash of its backbone's weights.

    Raises:
        ArtifactError: the artifact cannot be read.
        SpecError: it belongs to another backbone, or trials would have a prompt of another shape.
    """
    if job.start is None:
        return
    from ptune.artifacts.load import load_artifact

    manifest = load_artifact(Path(job.start)).manifest
    if manifest.backbone.hash != weights:
        raise SpecError(f"start: the artifact's prompt belongs to {manifest.backbone.id}, not to {job.backbone.id}")
    if manifest.tuned:
        raise SpecError("start: the artifact's backbone was tuned, so its prompt means nothing on the frozen one")
    unknown = [name for name in job.task.set_names if name not in manifest.set_names]
    if manifest.prompt_per_dataset and unknown:
        have = ", ".join(manifest.set_names)
        raise SpecError(f"start: the artifact has prompts for {have}, and none for {', '.join(unknown)}")
    prompt = manifest.prompt
    wanted = {key: value for key, value in prompt.model_dump().items() if key in _SHAPE}
    if "encoder" in type(prompt).model_fields:
        wanted["encoder"] = "embedding"  # other encoders cannot be taken up again from what they were collapsed to
    problems = [law for key, value in wanted.items() if (law := _differs(job, prompt.method, key, value)) is not None]
    if problems:
        raise SpecError("\n".join(f"start: {law}" for law in problems))


def _differs(job: Job, method: str, key: str, value: Any) -> str | None:
    """How the space's values of one parameter differ from the artifact's."""
    stated = job.space.values_under(method, key)
    stated = stated or {_default(method, key)}
    if stated == {value}:
        return None
    return f"every trial must have {key} = {value!r}, as the artifact has, got {sorted(map(str, stated))}"


def _default(method: str, key: str) -> Any:
    if key == "method":
        return DEFAULT_METHOD
    fields = METHODS[method].model_fields
    return fields[key].default if key in fields else None
