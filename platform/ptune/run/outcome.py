"""What a search leaves behind: its best prompt as an artifact, scored once on the test split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ptune.artifacts import native, peft
from ptune.artifacts.artifact import Artifact, Origin, describe
from ptune.artifacts.predict import Predictor
from ptune.backbone.backbone import Backbone
from ptune.backbone.budget import token_budget
from ptune.data.sources import Splits
from ptune.engine.state import read
from ptune.errors import ArtifactError
from ptune.record.events import Metrics
from ptune.record.history import History, TrialRecord
from ptune.run.prepare import versions
from ptune.spec.job import Job
from ptune.spec.trial import TrialSpec

ARTIFACT = "artifact"
PEFT_ARTIFACT = "artifact-peft"


def conclude(backbone: Backbone, splits: Sequence[Splits], job: Job, history: History, folder: Path) -> dict[str, Any]:
    """Export the best trial's prompt, as it was after its best epoch, into the search's folder.

    Returns:
        `artifact` and `peft`: the folders written, or None; `peft_refused`: why PEFT's format was asked for and not
        written; `test`: metrics on the test split, or None.
    """
    nothing = {"artifact": None, "peft": None, "peft_refused": None, "test": None}
    best = history.best
    if best is None:
        return nothing
    artifact = artifact_of(best, backbone, splits, job, folder)
    test = test_scores(artifact, backbone, splits, token_budget(backbone, job.resources.token_budget))
    if test is not None:
        artifact = artifact.scored("test", _scores(test))
    native.write(folder / ARTIFACT, artifact)
    outcome = {**nothing, "artifact": str(folder / ARTIFACT), "test": test}
    if "peft" in job.export.formats:
        try:
            peft.write(folder / PEFT_ARTIFACT, artifact)
            outcome["peft"] = str(folder / PEFT_ARTIFACT)
        except ArtifactError as error:  # the best prompt is known only now; the search itself is not in vain
            outcome["peft_refused"] = str(error)
    return outcome


def artifact_of(trial: TrialRecord, backbone: Backbone, splits: Sequence[Splits], job: Job, folder: Path) -> Artifact:
    """A trial's prompt as it was after its best epoch, from its saved state.

    Raises:
        EngineError: the trial's state is missing or damaged.
    """
    assert trial.state is not None, "a trial with a report has a state"
    saved = read(folder / trial.state)
    manifest = describe(
        TrialSpec.from_config(trial.config),
        job.task,
        Origin.of(backbone, job.backbone.revision).model_copy(update={"dtype": saved.dtype}),
        labels=[one.labels for one in splits],
        versions=versions(),
        scores={"dev": _scores(trial.best_report)},
        search=job.name,
        trial=trial.number,
        seed=job.seed,
    )
    return Artifact(manifest, saved.best)


def test_scores(
    artifact: Artifact, backbone: Backbone, splits: Sequence[Splits], most_tokens: int
) -> dict[str, float] | None:
    """Metrics on the test split of the artifact as people will load it; None unless all data sets have one."""
    tests = [one.test for one in splits if one.test is not None]
    if len(tests) < len(splits):
        return None
    return Predictor(artifact, backbone).measure(tests, most_tokens)


_ABOUT_TRAINING = {"train_loss", "lr", "seconds", "peak_memory_mb", "trainable_parameters", "backbone_share"}


def _scores(metrics: Metrics) -> dict[str, float]:
    """The metrics that say how good a prompt is, without those of the training."""
    return {name: value for name, value in metrics.items() if name not in _ABOUT_TRAINING}
