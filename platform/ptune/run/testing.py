"""The end of a search where a backbone is loaded: the best prompt exported, and a confirmation's trials all tested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ptune.backbone.backbone import Backbone
from ptune.backbone.budget import token_budget
from ptune.record.history import History
from ptune.run.outcome import artifact_of, conclude, test_scores
from ptune.run.prepare import Prepared


def conclude_all(backbone: Backbone, prepared: Prepared, history: History, folder: Path) -> dict[str, Any]:
    """Export the best prompt; of a confirmation, also score every trial on the test split.

    Returns:
        What `ptune.run.outcome.conclude` does, and `tested`: test scores by trial, of those that the journal has none
        of yet; empty for a search that confirms nothing.

    Raises:
        EngineError: a trial's saved state is missing or damaged.
    """
    concluded = conclude(backbone, prepared.splits, prepared.job, history, folder)
    tested = _score_trials(backbone, prepared, history, folder) if history.header.confirms is not None else {}
    return {**concluded, "tested": tested}


def _score_trials(
    backbone: Backbone, prepared: Prepared, history: History, folder: Path
) -> dict[int, dict[str, float]]:
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
