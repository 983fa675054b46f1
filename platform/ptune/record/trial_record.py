"""A trial of a search: its configuration, and everything that it has reported. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ptune.record.dev_part import examples_of_part, first_compared
from ptune.record.events import FinalStatus, Metrics
from ptune.record.front import Standing
from ptune.record.objective import Objective
from ptune.record.standing import measured, standing_of
from ptune.spec.inherited import Inherited
from ptune.spec.objectives import Objectives
from ptune.spec.reporting import EPOCH_DIGITS, in_epochs
from ptune.spec.trial import Config

Status = Literal["waiting", "running", "paused", "interrupted"] | FinalStatus


@dataclass
class TrialRecord:
    """One trial: its configuration and everything it has reported."""

    number: int
    config: Config
    objective: Objective
    """Which of its epochs is the best."""
    status: Status = "waiting"
    reports: list[Metrics] = field(default_factory=list)
    """Metrics of epoch 1, 2, ... in order; each holds the objective's metric under its own name."""
    state: str | None = None
    """File of the last saved state, relative to the search's folder."""
    reason: str | None = None
    """Why it failed or was stopped."""
    run_id: str | None = None
    """The tracker's run that shows it."""
    test: Metrics | None = None
    """Metrics of its best epoch on the test split; only confirmations score every trial."""
    added: bool = False
    """Whether a user has asked for it."""
    cloned: int | None = None
    """The trial whose configuration it took up."""
    warm: bool = False
    """Whether it started from what that trial had learned."""
    inherited: Inherited | None = None
    """What it began with of another trial."""
    epochs_before: float = 0
    """Epochs that had trained the learner with which it began: one that it inherits, or of which it is a warm clone."""
    ended_by_user: bool = False
    """Whether it was stopped because a user asked for that."""
    strange: Sequence[str] = ()
    """The parameters in which it differs from every trial of the search's own."""
    objectives: Objectives | None = None
    """What counts beside the objective."""
    reports_per_epoch: int = 1
    """How many reports an epoch has."""

    @property
    def by_user(self) -> str | None:
        """What users have done to it, in a few words; None for most trials."""
        came = "added" if self.cloned is None else f"{'warm ' if self.warm else ''}clone of {self.cloned}"
        parts = [*([came] if self.added else []), *(["ended by user"] if self.ended_by_user else [])]
        return ", ".join(parts) or None

    @property
    def epoch(self) -> int:
        """How many reports it has made: epochs, or the parts of epochs that `report_every` makes."""
        return len(self.reports)

    def in_epochs(self, reports: int) -> float:
        """A number of its reports, in epochs."""
        return in_epochs(reports, self.reports_per_epoch)

    @property
    def trained_epochs(self) -> float:
        """Epochs that it has trained and reported."""
        return self.in_epochs(self.epoch)

    @property
    def values(self) -> list[float]:
        """What each reported epoch counts, in the objective's metric."""
        return self.objective.values(self.reports)

    @property
    def best_value(self) -> float | None:
        """What the epoch counts whose learner is kept, if that is finite; None before the first."""
        return self.objective.best_value(self.reports)

    @property
    def dev_examples(self) -> int | None:
        """On how many dev examples its best value is, if on a part of them; None for all of dev, or before a report."""
        return examples_of_part(self.best_report) if self.reports else None

    @property
    def has_parts(self) -> bool:
        """Whether any of its reports is on a part of dev."""
        return any(examples_of_part(report) is not None for report in self.reports)

    @property
    def is_cut_short(self) -> bool:
        """Whether it has ended, of a dev split that grows, before the horizon or on a part of dev.

        It ranks before all trials that are scored on less of dev, however bad it is, and so it must not lead them.
        """
        if self.status == "complete":
            return self.dev_examples is not None
        return self.status == "stopped" and self.has_parts

    @property
    def compared_reports(self) -> Sequence[Metrics]:
        """Its reports that are of as much of dev as the latest."""
        return self.reports[first_compared(self.reports) :]

    @property
    def standing(self) -> Standing | None:
        """Where it stands in all that counts; None before the first finite result."""
        return standing_of(self.objective, self.objectives, self.config, self.reports, self.reports_per_epoch)

    @property
    def broken(self) -> list[str]:
        """The bounds of the job that its results break, in words; a trial that breaks one is never the best."""
        if self.objectives is None or self.best_value is None:
            return []
        bounded = self.objectives.bounded
        return self.objectives.laws(
            measured(bounded, self.config, self.reports, self.best_report, self.reports_per_epoch)
        )

    @property
    def best_epoch(self) -> int:
        """The report (1, 2, ...) whose learner is kept; there must be one."""
        return 1 + self.objective.best_index(self.reports)

    @property
    def kept_epoch(self) -> float:
        """The end of the epoch, or of the part of one, whose learner is kept; there must be a report."""
        return self.in_epochs(self.best_epoch)

    @property
    def learned_epochs(self) -> float:
        """Epochs that have trained the learner that is kept, those before it began included; there must be a report."""
        return round(self.epochs_before + self.kept_epoch, EPOCH_DIGITS)

    @property
    def counted_epochs(self) -> list[float]:
        """The ends of the epochs, or parts of epochs, whose mean the best one counts."""
        return [self.in_epochs(number) for number in self.objective.counted(self.best_epoch, self.reports)]

    @property
    def best_report(self) -> Metrics:
        """Everything reported about the epoch whose learner is kept; there must be a report."""
        return self.reports[self.best_epoch - 1]
