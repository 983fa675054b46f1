"""Whether a learner gives one answer throughout, as its reports tell."""

from __future__ import annotations

from ptune.record.events import Metrics

_CONSTANT = "constant_prediction"


def is_constant(metrics: Metrics) -> bool:
    """Whether a report is of a learner that answers alike throughout: on every data set, of which it is the mean."""
    return metrics.get(_CONSTANT) == 1.0


def constant_sets(metrics: Metrics) -> list[str]:
    """Of a task with several data sets, the names of those on which a report's learner answers alike throughout."""
    prefix = f"{_CONSTANT}."
    return [name.removeprefix(prefix) for name, value in metrics.items() if name.startswith(prefix) and value == 1.0]
