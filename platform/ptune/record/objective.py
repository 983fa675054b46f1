"""The objective of a search: which of two results is the better one, and which epoch of a trial is kept.

The only place that knows whether more or less of a metric is better. Everything that ranks, by itself or through
Optuna, ranks utilities, of which more is always better.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ptune.record.events import Metrics
from ptune.spec.task import Task, is_minimized


@dataclass(frozen=True)
class Objective:
    """One metric, or the mean of several, to be maximised or minimised over the epochs of a trial.

    Attributes:
        metric: its name in every report, such as `accuracy`, or `accuracy+macro_f1` for a mean.
        direction: whether more or less of it is better.
        selection: which of the epochs with the best value is kept.
    """

    metric: str
    direction: Literal["maximize", "minimize"] = "maximize"
    selection: Literal["first", "last"] = "first"

    @classmethod
    def of(cls, task: Task) -> Objective:
        """The objective that a job's task states."""
        return cls.in_metric(task.metric, task.selection)

    @classmethod
    def in_metric(cls, metric: str, selection: Literal["first", "last"] = "first") -> Objective:
        """The objective of doing well in some metric."""
        return cls(metric, "minimize" if is_minimized(metric) else "maximize", selection)

    def utility(self, value: float) -> float:
        """A value of the metric as Optuna and the rungs see it: more is better."""
        return value if self.direction == "maximize" else -value

    def is_better(self, value: float, other: float) -> bool:
        """Whether a value of the metric is better than another, which it is not where they are equal."""
        return self.utility(value) > self.utility(other)

    def keeps(self, value: float, earlier: float) -> bool:
        """Whether an epoch with `value` is kept in place of an earlier one: if it is better, or the last of equals.

        A value that is not a number is kept; the epoch that reports it fails its trial.
        """
        new, old = self.utility(value), self.utility(earlier)
        return not new < old if self.selection == "last" else not new <= old

    def best(self, values: Iterable[float]) -> float | None:
        """The best finite value of the metric; None if there is none."""
        return max((value for value in values if math.isfinite(value)), key=self.utility, default=None)

    def best_index(self, reports: Sequence[Metrics]) -> int:
        """The position of the report whose epoch is kept: the first, or last, that reached the best value."""
        order = range(len(reports)) if self.selection == "first" else reversed(range(len(reports)))
        return max(order, key=lambda index: self.utility(reports[index][self.metric]))
