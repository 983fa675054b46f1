"""The laws of a report: what a conductor takes for the next one of a trial."""

from __future__ import annotations

import math

from ptune.record.divergence import diverged
from ptune.record.events import Metrics
from ptune.record.history import TrialRecord


def report_problem(record: TrialRecord, epoch: int, metrics: Metrics) -> str | None:
    """Why a report ends its trial as failed; None if it is sound.

    Args:
        record: the trial before the report.
        epoch: reports made, this one included.
        metrics: of this report.
    """
    metric, ends = record.objective.metric, record.in_epochs(epoch)
    if metric not in metrics:
        return f"the report of epoch {ends} holds no {metric}, only {sorted(metrics)}"
    for name in (metric, "loss", "train_loss"):
        if not math.isfinite(metrics.get(name, 0.0)):
            return diverged(name, metrics[name], math.ceil(ends))
    if epoch != record.epoch + 1:
        return f"epoch {ends} was reported after epoch {record.trained_epochs}"
    return None
