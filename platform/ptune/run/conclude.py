"""The end of a search, where a backbone is loaded: the best prompt exported, and scores on the test split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

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
from ptune.run.conclusion import ARTIFACT, PEFT_ARTIFACT, Conclusion
from ptune.run.prepare import Prepared, versions
from ptune.spec.job import Job
from ptune.spec.trial import TrialSpec


def conclude(backbone: Backbone, prepared: Prepared, history: History, folder: Path) -> Conclusion:
    """Export the best trial's prompt, as it was after its best epoch, into the search's folder; score it on test.

    Of a confirmation, also score every trial on the test split.

    Raises:
        EngineError: a trial's saved state is missing or damaged.
    """
    best = history.best
    if best is None:
        return Conclusion()
    job, splits = prepared.job, prepared.splits
    artifact = artifact_of(best, backbone, splits, job, folder)
    test = test_scores(artifact, backbone, splits, token_budget(backbone, job.resources.token_budget))
    if test is not None:
        artifact = artifact.scored("test", _scores(test))
    native.write(folder / ARTIFACT, artifact)
    conclusion = Conclusion(artifact=folder / ARTIFACT, test=test)
    if "peft" in job.export.formats:
        conclusion = _with_peft(conclusion, artifact, folder / PEFT_ARTIFACT)
    if history.header.confirms is not None:
        conclusion = replace(conclusion, tested=_score_trials(backbone, prepared, history, folder))
    return conclusion


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
        labels=[data.labels for data in splits],
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
    tests = [data.test for data in splits if data.test is not None]
    if len(tests) < len(splits):
        return None
    return Predictor(artifact, backbone).measure(tests, most_tokens)


def _with_peft(conclusion: Conclusion, artifact: Artifact, folder: Path) -> Conclusion:
    """Write PEFT's format too. A refusal is no error: only here, at the end, is it known which prompt is the best."""
    try:
        peft.write(folder, artifact)
    except ArtifactError as error:
        return replace(conclusion, peft_refused=str(error))
    return replace(conclusion, peft=folder)


def _score_trials(
    backbone: Backbone, prepared: Prepared, history: History, folder: Path
) -> dict[int, dict[str, float]]:
    """Test scores of the trials that have none yet; empty without a test split."""
    job, splits = prepared.job, prepared.splits
    scored: dict[int, dict[str, float]] = {}
    budget = token_budget(backbone, job.resources.token_budget)
    for trial in sorted(history.ranked(), key=lambda trial: trial.number):
        if trial.test is None:
            artifact = artifact_of(trial, backbone, splits, job, folder)
            scores = test_scores(artifact, backbone, splits, budget)
            if scores is None:  # the job names no test split
                return {}
            scored[trial.number] = scores
    return scored


_TRAINING_METRICS = {
    "train_loss",
    "lr",
    "seconds",
    "peak_memory_mb",
    "trainable_parameters",
    "backbone_share",
    "prompt_moved",
}


def _scores(metrics: Metrics) -> dict[str, float]:
    """The metrics that say how good a prompt is, without those of the training."""
    return {name: value for name, value in metrics.items() if name not in _TRAINING_METRICS}
