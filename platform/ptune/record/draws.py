"""What always giving the commonest answer scores, over the few-shot draws that trials were scored on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable

from ptune.record.events import Metrics
from ptune.spec.trial import Config


def mean_of_draws(scored: Iterable[tuple[Config, Metrics]]) -> float | None:
    """The mean majority baseline of the draws that configurations were scored on; None where no score has one."""
    baselines = {
        config.get("split"): metrics["majority_baseline"]
        for config, metrics in scored
        if math.isfinite(metrics.get("majority_baseline", math.nan))
    }
    return statistics.fmean(baselines.values()) if baselines else None
