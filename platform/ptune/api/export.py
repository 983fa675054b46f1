"""A trial's prompt as an artifact, from what a search has exported or from the trial's saved state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ptune.errors import SpecError, nearest

if TYPE_CHECKING:
    from ptune.artifacts.artifact import Artifact
    from ptune.record.history import History, TrialRecord


def export(folder: Path, history: History, target: Path, kind: str, number: int | None) -> Artifact:
    """Write the prompt of one trial, or of the best, in some format; return it.

    Args:
        folder: the search's folder.
        history: the search.
        target: the folder to write.
        kind: `native` or `peft`.
        number: the trial; None is the best.

    Raises:
        SpecError: there is no such format or trial, or the trial has no result.
        ArtifactError: PEFT cannot express the prompt; nothing is written.
        EngineError: its saved state is missing or damaged.
    """
    from ptune.artifacts import native, peft

    writers = {"native": native.write, "peft": peft.write}
    if kind not in writers:
        raise SpecError(f"format is native or peft, got {kind!r}{nearest(kind, writers)}")
    artifact = find_artifact(folder, history, number)
    writers[kind](target, artifact)
    return artifact


def find_artifact(folder: Path, history: History, number: int | None) -> Artifact:
    """The prompt of one trial, or of the best: what the search has exported, else made from the trial's saved state.

    Args:
        folder: the search's folder.
        history: the search.
        number: the trial; None is the best.

    Raises:
        SpecError: there is no such trial, or it has no result.
        EngineError: its saved state is missing or damaged.
    """
    from ptune.artifacts import native
    from ptune.run.conclude import artifact_of
    from ptune.run.conclusion import ARTIFACT

    trial = pick(history, number)
    if history.ended and history.ended.status == "complete" and (folder / ARTIFACT).is_dir():
        exported = native.read(folder / ARTIFACT)  # which has the test split's scores, too
        if exported.manifest.trial == trial.number:
            return exported
    from ptune.run.load import load_job_backbone
    from ptune.run.prepare import prepare

    job = history.job
    return artifact_of(trial, load_job_backbone(job), prepare(job).splits, job, folder)


def pick(history: History, number: int | None) -> TrialRecord:
    """A trial that has a result: the best, or the one asked for.

    Raises:
        SpecError: there is none.
    """
    ranked = history.ranked()
    if not ranked:
        raise SpecError("no trial has a result yet")
    if number is None:
        return ranked[0]
    for trial in ranked:
        if trial.number == number:
            return trial
    valid = ", ".join(str(trial.number) for trial in sorted(ranked, key=lambda trial: trial.number))
    raise SpecError(f"trial {number} has no result to export (trials that have one: {valid})")
