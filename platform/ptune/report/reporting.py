"""When the trials of a budget report, in words."""

from __future__ import annotations

from ptune.report.wording import plural
from ptune.spec.budget import Budget

_LISTED = 6  # rungs; of more, such as those of the median rule, the first and the last are told


def reports_text(budget: Budget) -> list[str]:
    """How often a trial reports and where its rungs are; nothing where it reports after every epoch."""
    if budget.report_every is None:
        return []
    if not budget.reports_are_counted:
        return [f"a report every {budget.report_every}"]
    told = [f"{plural(budget.reports_per_epoch, 'report')} to an epoch, {budget.horizon} in all"]
    rungs = [str(budget.in_epochs(rung)) for rung in budget.rungs]
    if len(rungs) > _LISTED:
        rungs = [*rungs[:2], "...", rungs[-1]]
    return [*told, *([f"rungs at epochs {' '.join(rungs)}"] if rungs else [])]
