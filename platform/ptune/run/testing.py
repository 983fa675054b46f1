"""The test scores of a confirmation: every trial, once, after all have trained."""

from __future__ import annotations

from pathlib import Path

from ptune.backbone.load import Backbone
from ptune.data.sources import Splits
from ptune.history import History
from ptune.run.confirm import CONFIRMS
from ptune.run.outcome import artifact_of, test_scores
from ptune.spec.job import Job


def score_trials(
    backbone: Backbone, splits: Splits, job: Job, history: History, folder: Path
) -> dict[int, dict[str, float]]:
    """Score on the test split what each trial of a confirmation kept; none for any other search.

    Returns:
        Metrics by trial, of those that the journal has no test scores of yet.

    Raises:
        EngineError: a trial's saved state is missing or damaged.
    """
    if CONFIRMS not in history.header:
        return {}
    scored: dict[int, dict[str, float]] = {}
    for trial in history.ranked():
        if trial.test is None:
            artifact = artifact_of(trial, backbone, splits, job, folder)
            scores = test_scores(artifact, backbone, splits, job.resources.token_budget)
            if scores is None:
                return {}
            scored[trial.number] = scores
    return scored
