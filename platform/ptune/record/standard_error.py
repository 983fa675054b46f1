"""How far a score is likely to lie from the score on endlessly many examples of the same kind.

Known only of shares of examples that are right, each by itself. Of an F1, a correlation, BLEU or a loss, the standard
error depends on every single answer, which a journal does not hold, so nothing is said of them.
"""

from __future__ import annotations

import math
from typing import Literal

from ptune.record.dev_part import DEV_EXAMPLES
from ptune.record.events import Header, Metrics


def standard_error(header: Header, metrics: Metrics, split: Literal["dev", "test"] = "dev") -> float | None:
    """The standard error of the search's metric, in the metric's own units.

    A share of n examples has the binomial one, with two right and two wrong answers added (Agresti and Coull 1998), so
    that a score of 0 or 1 has one too. A mean over data sets has that of independent shares.

    Args:
        header: of the search.
        metrics: one trial's scores on the split, or on a part of it.
        split: the split that they are of.

    Returns:
        None if the metric is no share of examples, or examples come in groups, or the split is not in the header.
    """
    task = header.job.task
    if task.metric not in task.shares:
        return None
    names = task.set_names
    endings = [f".{name}" for name in names] if len(names) > 1 else [""]
    errors = [_of_share(header, metrics, split, task.metric, ending) for ending in endings]
    known = [error for error in errors if error is not None]
    return math.hypot(*known) / len(errors) if len(known) == len(errors) else None


def _of_share(header: Header, metrics: Metrics, split: str, metric: str, ending: str) -> float | None:
    """The standard error on one data set, which has an ending of its own where there are several."""
    share, data = metrics.get(metric + ending), header.data.get(split + ending)
    if share is None or data is None or not 0 <= share <= 1:
        return None
    scored = metrics.get(DEV_EXAMPLES, data.rows) - metrics.get(f"dropped{ending}", 0.0)
    n = scored + 4
    mean = (share * scored + 2) / n
    return math.sqrt(mean * (1 - mean) / n)
