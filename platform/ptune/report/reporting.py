"""When the trials of a budget report, in words."""

from __future__ import annotations

from ptune.report.wording import plural
from ptune.spec.budget import Budget

_LISTED = 6  # rungs; of more, such as those of the median rule, the first and the last are told


def reports_text(budget: Budget) -> list[str]:
    """What a trial's reports are scored on and how often it makes them; nothing for one on all of dev an epoch."""
    growing = ["dev grows with the rungs"] if budget.dev_grows else []
    if budget.report_every is None:
        return growing
    if not budget.reports_are_counted:
        return [f"a report every {budget.report_every}", *growing]
    told = [f"{plural(budget.reports_per_epoch, 'report')} to an epoch, {budget.horizon} in all"]
    rungs = [str(budget.in_epochs(rung)) for rung in budget.rungs]
    if len(rungs) > _LISTED:
        rungs = [*rungs[:2], "...", rungs[-1]]
    return [*told, *([f"rungs at epochs {' '.join(rungs)}"] if rungs else []), *growing]
