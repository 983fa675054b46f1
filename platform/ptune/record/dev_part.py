"""How much of dev a report is of. A report on a part of it says on how many examples; one on all of it says nothing.

A score on a part is noisier than one on all of dev, and cannot be compared with it. So the scores on most examples
count alone: within a trial for its best epoch, and among trials before all others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ptune.record.events import Metrics

DEV_EXAMPLES = "dev_examples"
"""The key under which a report on a part of dev holds the number of its examples."""


def scored_on(report: Metrics) -> float:
    """How many dev examples a report is of; infinite for all of dev, however many there are."""
    return report.get(DEV_EXAMPLES, math.inf)


def examples_of_part(report: Metrics) -> int | None:
    """How many dev examples a report is of, if it is of a part of them; None for all of dev."""
    return int(report[DEV_EXAMPLES]) if DEV_EXAMPLES in report else None


def first_compared(reports: Sequence[Metrics]) -> int:
    """The position of the first of some reports that is of as much of dev as the last; 0 of no reports."""
    return next((index for index, report in enumerate(reports) if scored_on(report) == scored_on(reports[-1])), 0)


def on_as_much_as(report: Metrics, other: Metrics) -> Metrics:
    """A report as if it were of as much of dev as another one."""
    part = {key: value for key, value in other.items() if key == DEV_EXAMPLES}
    return {key: value for key, value in report.items() if key != DEV_EXAMPLES} | part
