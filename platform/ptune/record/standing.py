"""What a trial has come to in all that counts: the metric, and the costs and metrics beside it.

Everything follows from the configuration and from what the journal holds of the trial's reports, so a replay ranks as
the search did.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ptune.record.dev_part import scored_on
from ptune.record.events import Metrics
from ptune.record.front import Standing
from ptune.record.objective import Objective
from ptune.spec.objectives import LENGTH, MEMORY, SECONDS, Objectives, is_less_better, length_of
from ptune.spec.trial import Config


def seconds_per_epoch(reports: Sequence[Metrics], per_epoch: int) -> float:
    """The mean of the seconds of a trial's epochs, by what its reports hold, at least one, `per_epoch` to an epoch.

    `own_seconds` is a trial's share of the passes that it trained in, by its tokens among theirs. A report without it
    counts with `seconds`, in which the trial held its slot, whoever trained beside it.
    """
    return sum(report.get("own_seconds", report.get("seconds", 0.0)) for report in reports) * per_epoch / len(reports)


def measured(
    names: Sequence[str], config: Config, reports: Sequence[Metrics], kept: Metrics, per_epoch: int
) -> dict[str, float]:
    """What a trial with a report has of some costs and metrics; one that it has not reported is left out.

    Args:
        names: the costs and metrics.
        config: its configuration.
        reports: of all its epochs.
        kept: of the epoch that is kept, from which metrics are taken.
        per_epoch: how many reports an epoch has.
    """
    values = {name: _measured(name, config, reports, kept, per_epoch) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _measured(name: str, config: Config, reports: Sequence[Metrics], kept: Metrics, per_epoch: int) -> float | None:
    if name == LENGTH:
        return length_of(config)
    if name == SECONDS:
        return seconds_per_epoch(reports, per_epoch)
    if name == MEMORY:
        return max((report[MEMORY] for report in reports if MEMORY in report), default=None)
    return kept.get(name)


def standing_of(
    objective: Objective,
    objectives: Objectives | None,
    config: Config,
    reports: Sequence[Metrics],
    per_epoch: int = 1,
) -> Standing | None:
    """Where a trial stands by its best epoch so far; None without a finite result.

    Args:
        objective: the metric.
        objectives: what counts beside it; None where the metric alone does.
        config: the trial's configuration.
        reports: of its epochs.
        per_epoch: how many reports an epoch has.
    """
    value = objective.best_value(reports)
    if value is None:
        return None
    if objectives is None:
        return Standing((objective.utility(value),), scored_on=scored_on(reports[objective.best_index(reports)]))
    kept = reports[objective.best_index(reports)]
    values = measured(objectives.beside, config, reports, kept, per_epoch)
    costs = (_utility(name, values.get(name, math.nan)) for name in objectives.beside)
    bounded = measured(objectives.bounded, config, reports, kept, per_epoch)
    return Standing((objective.utility(value), *costs), objectives.violation(bounded))


def _utility(name: str, value: float) -> float:
    """A value as something of which more is better; one that is no number is worse than any."""
    if math.isnan(value):
        return -math.inf
    return -value if is_less_better(name) else value
