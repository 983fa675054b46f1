"""The best configuration leads by less than its score is uncertain, so the order of the best may be chance."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ptune.diagnosis.diagnosis import Diagnosis
from ptune.diagnosis.wording import counted
from ptune.record.configurations import Configuration
from ptune.record.history import History
from ptune.record.standard_error import standard_error
from ptune.record.wording import value_text

_MOST = 5  # configurations that a confirmation is advised for
_SEEDS = 5  # on which `ptune confirm` repeats each, unless told otherwise


def lead(history: History) -> list[Diagnosis]:
    """The diagnosis of a finished search whose best two configurations are closer than one standard error.

    Between configurations that were repeated, the error is that of the difference of their means over the repetitions.
    Between others it is that of one score on a dev split of that size; where the metric has none, nothing is said.
    """
    configurations = history.configurations()
    configurations = [other for other in configurations if other.scored_on == configurations[0].scored_on]
    if history.status != "complete" or len(configurations) < 2:
        return []
    best, second = configurations[:2]
    error, source = _error(history, best, second)
    gap = abs(best.spread.mean - second.spread.mean)
    if error is None or gap >= error:
        return []
    close = [other for other in configurations if abs(other.spread.mean - best.spread.mean) < error]
    trials = [trial.number for configuration in close for trial in configuration.trials]
    text = f"The best configuration leads the second by {value_text(gap)}, and {source} is {value_text(error)}."
    text += f" {_order(len(close))}"
    return [
        Diagnosis(
            kind="lead",
            severity="advice",
            text=text,
            advice="repeat the best on fresh seeds",
            typed=_typed(history, len(close)),
            trials=trials,
            evidence={"lead": gap, "standard_error": error, "close": float(len(close))},
        )
    ]


def _error(history: History, best: Configuration, second: Configuration) -> tuple[float | None, str]:
    """The standard error to hold the lead against, and what it is of."""
    deviations = [configuration.spread.sd for configuration in (best, second)]
    known = [deviation for deviation in deviations if deviation is not None]
    if len(known) == len(deviations):
        counts = [configuration.spread.n for configuration in (best, second)]
        error = math.hypot(*(sd / math.sqrt(n) for sd, n in zip(known, counts, strict=True)))
        return error, f"the standard error of that difference over {_repetitions(counts)}"
    rows = sum(data.rows for name, data in history.header.data.items() if name.partition(".")[0] == "dev")
    error_of_one = standard_error(history.header, best.compared[0].best_report)
    return error_of_one, f"the standard error of a score on {counted(best.dev_examples or rows, 'dev example')}"


def _repetitions(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low} repetitions" if low == high else f"{low} to {high} repetitions"


def _order(close: int) -> str:
    both = "the two" if close == 2 else f"the best {close}"
    return f"The order of {both} may be chance."


def _typed(history: History, close: int) -> str:
    confirms = history.header.confirms
    if confirms is not None:
        return f"ptune confirm {confirms.name} --top {close} --seeds {2 * confirms.seeds}"
    return f"ptune confirm {history.header.name} --top {min(close, _MOST)} --seeds {_SEEDS}"
