"""The laws of a report: what a conductor takes for the next epoch of a trial."""

from __future__ import annotations

import math

from ptune.record.divergence import diverged
from ptune.record.events import Metrics
from ptune.record.history import TrialRecord


def report_problem(record: TrialRecord, epoch: int, metrics: Metrics) -> str | None:
    """Why a report ends its trial as failed; None if it is sound.

    Args:
        record: the trial before the report.
        epoch: epochs finished, this one included.
        metrics: of this epoch.
    """
    metric = record.objective.metric
    if metric not in metrics:
        return f"the report of epoch {epoch} holds no {metric}, only {sorted(metrics)}"
    for name in (metric, "loss", "train_loss"):
        if not math.isfinite(metrics.get(name, 0.0)):
            return diverged(name, metrics[name], epoch)
    if epoch != record.epoch + 1:
        return f"epoch {epoch} was reported after epoch {record.epoch}"
    return None
