"""One trial of a search, as it stands when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptune.record.events import Metrics
    from ptune.record.history import Status, TrialRecord
    from ptune.spec.trial import Config


@dataclass(frozen=True)
class Trial:
    """One trial of a search, as it stood when it was asked for.

    Examples:
        >>> best = ptune.open("quickstart").best
        >>> best.config["method"] in ("v1", "v2") and best.epoch <= len(best.reports)
        True
        >>> best.metrics == best.reports[best.epoch - 1]
        True
    """

    number: int
    """Its number in the search, from 0."""
    status: Status
    """waiting, running, paused, interrupted, complete, stopped (early) or failed."""
    config: Config
    """Its parameters by name; the constants of the space are among them."""
    metrics: Metrics
    """Everything measured on dev after its best epoch; empty before the first epoch has ended."""
    epoch: float | None
    """The best epoch, counted from 1, whose prompt is exported; None before the first report. Within an epoch, such as
    2.25, where the budget states `report_every`."""
    reports: Sequence[Metrics]
    """What was measured on dev at each report, in order: after every epoch, unless the budget states `report_every`."""
    test: Metrics | None
    """What was measured on the test split, in a search that `SearchResult.confirm` has run; else None."""
    reason: str | None
    """Why it failed or was stopped."""
    run_id: str | None
    """The tracker's run that shows it."""
    inherits: int | None = None
    """The trial from whose prompt it began; None for one that began afresh."""

    @classmethod
    def of(cls, record: TrialRecord) -> Trial:
        """The trial that a history holds."""
        scored = record.best_value is not None
        metrics: Mapping[str, float] = dict(record.best_report) if scored else {}
        return cls(
            number=record.number,
            status=record.status,
            config=dict(record.config),
            metrics=metrics,
            epoch=record.kept_epoch if scored else None,
            reports=tuple(map(dict, record.reports)),
            test=record.test,
            reason=record.reason,
            run_id=record.run_id,
            inherits=None if record.inherited is None else record.inherited.trial,
        )
