"""What a search leaves behind: its best prompt as an artifact, scored once on the test split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ptune.artifacts import native, peft
from ptune.artifacts.artifact import Artifact, Origin, describe
from ptune.backbone.load import Backbone
from ptune.data.sources import Splits
from ptune.engine.evaluate import measure
from ptune.engine.state import best_tensors, read
from ptune.errors import ArtifactError
from ptune.history import History, TrialRecord
from ptune.prompts.build import load_learner
from ptune.prompts.forward import predict
from ptune.run.prepare import versions
from ptune.run.trials import TrialFactory
from ptune.spec.job import Job
from ptune.spec.trial import TrialSpec

ARTIFACT = "artifact"
PEFT_ARTIFACT = "artifact-peft"


def conclude(backbone: Backbone, splits: Splits, job: Job, history: History, folder: Path) -> dict[str, Any]:
    """Export the best trial's prompt, as it was after its best epoch, into the search's folder.

    Returns:
        `artifact` and `peft`: the folders written, or None; `peft_refused`: why PEFT's format was asked for and not
        written; `test`: metrics on the test split, or None.
    """
    nothing = {"artifact": None, "peft": None, "peft_refused": None, "test": None}
    best = next(iter(history.ranked()), None)
    if best is None:
        return nothing
    test = test_scores(best, backbone, splits, job, folder)
    artifact = artifact_of(best, backbone, splits, job, folder, test)
    native.write(folder / ARTIFACT, artifact)
    outcome = {**nothing, "artifact": str(folder / ARTIFACT), "test": test}
    if "peft" in job.export.formats:
        try:
            peft.write(folder / PEFT_ARTIFACT, artifact)
            outcome["peft"] = str(folder / PEFT_ARTIFACT)
        except ArtifactError as error:  # the best prompt is known only now; the search itself is not in vain
            outcome["peft_refused"] = str(error)
    return outcome


def artifact_of(
    trial: TrialRecord, backbone: Backbone, splits: Splits, job: Job, folder: Path, test: dict[str, float] | None
) -> Artifact:
    """A trial's prompt as it was after its best epoch, from its saved state.

    Raises:
        EngineError: the trial's state is missing or damaged.
    """
    dev = max(trial.reports, key=lambda report: report[job.task.metric])
    about = describe(
        TrialSpec.from_config(trial.config).prompt,
        Origin.of(backbone, job.backbone.revision),
        fields=job.task.data.text,
        labels=splits.labels,
        max_length=job.task.data.max_length,
        versions=versions(),
        scores={"dev": _scores(dev)} | ({"test": _scores(test)} if test else {}),
        search=job.name,
        trial=trial.number,
        seed=job.seed,
    )
    return Artifact(about, _tensors(trial, folder))


def test_scores(
    trial: TrialRecord, backbone: Backbone, splits: Splits, job: Job, folder: Path
) -> dict[str, float] | None:
    """Metrics of a trial's best epoch on the test split; None when the job names none."""
    if splits.test is None:
        return None
    spec = TrialSpec.from_config(trial.config)
    pooled = backbone.pooler is not None
    learner = load_learner(
        spec.prompt, backbone.shape, backbone.family, len(splits.labels), pooled, _tensors(trial, folder)
    ).to(backbone.device)
    examples = TrialFactory(job, splits, backbone, folder).encode(spec.prompt, splits.test)
    return measure(predict(backbone, learner, examples, job.resources.token_budget), examples.labels)


def _tensors(trial: TrialRecord, folder: Path) -> dict[str, Any]:
    assert trial.state is not None, "a trial with a report has a state"
    return best_tensors(read(folder / trial.state)[1])


def _scores(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics that say how good a prompt is, without those of the training."""
    return {name: metrics[name] for name in ("accuracy", "macro_f1", "loss", "majority_baseline")}
