"""The budget says how many configurations are tried, how they are chosen, and how long each trains."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from ptune.errors import nearest
from ptune.spec.reporting import ReportEvery, in_epochs, reports_per_epoch
from ptune.spec.stopping import DEFAULT, Halving, Stopping
from ptune.spec.strict import Strict, broken

SAMPLERS = ("auto", "tpe", "gp", "nsgaii", "nsgaiii", "pbt", "qmc", "random", "grid")
UNCONDITIONAL = ("nsgaii", "nsgaiii")
"""Samplers that combine trials of the same parameters only."""
EXPECTING = ("auto", "tpe", "gp", "pbt", "qmc", "random")
"""Samplers that begin where the space's author expects the best values."""
_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def _sampler(name: str) -> str:
    if name in SAMPLERS or _PATH.fullmatch(name):
        return name
    law = f"must be one of {', '.join(SAMPLERS)}, or `package.module:Class` for a sampler of Optuna's"
    raise broken(f"{law}, got {name!r}{nearest(name, SAMPLERS)}")


Sampler = Annotated[str, AfterValidator(_sampler)]
"""One of `SAMPLERS`, or the import path of a class."""
SPENT = ("epochs_total", "hours", "device_hours")
"""Limits of what a search spends. One of them may stand in place of the number of trials."""
MOST_TRIALS = 100_000
"""Trials that no search begins, where its budget states no number."""


def startup_of(trials: int) -> int:
    """Trials that are tried before what others reached decides: of so many, a third, 4 to 10."""
    return min(10, max(4, trials // 3))


class Budget(Strict):
    """How much is tried, and how it is chosen."""

    sampler: Sampler = "auto"
    """How configurations are proposed after the baseline points: by a tree-structured Parzen estimator (`tpe`), by a
    Gaussian process over configurations and epochs (`gp`), by both and chance in turns (`auto`), by crossing the best
    ones (`nsgaii`, `nsgaiii`), near the best ones, whose prompts train on (`pbt`), evenly (`qmc`), at `random`, or as
    every combination of the space (`grid`). The import path `package.module:Class` names any sampler of Optuna's
    interface."""
    epochs_total: int | None = Field(None, ge=1)
    """Most epochs that the search's trials train together. The best trial still trains to the horizon."""
    hours: float | None = Field(None, gt=0)
    """Hours of the search's processes, by the clock. What takes the best trial to the horizon is kept free of them."""
    device_hours: float | None = Field(None, gt=0)
    """The same of its engines, each from the first turn of its process to its own latest epoch."""
    target: float | None = None
    """A value of the metric that is good enough: once a trial reports it, no other one begins."""
    patience: int | None = Field(None, ge=1)
    """Epochs of all trials together without a better value, after which no other trial begins."""
    constant_epochs: int | None = Field(None, ge=1)
    """Epochs after which a trial ends that has given one and the same answer throughout. None lets it go on: in the
    quickstart, two of the three best trials do so in their first epoch."""
    inherit: bool = False
    """Whether a new trial begins with what the best earlier one has learned whose prompt fits into its own, see
    `ptune.spec.starts.fits_into`. Such a trial has an advantage over others at the same epoch."""
    trials: int | None = Field(None, ge=1, validate_default=True)
    """Most configurations to try. A grid that leaves this out tries every combination, and a budget with another limit
    of what is spent as many as there is room for."""
    epochs: int = Field(ge=1)
    """Horizon: the most epochs a trial trains, and the length of its learning-rate schedule."""
    report_every: ReportEvery | None = Field(None, exclude_if=lambda text: text is None)
    """When a trial reports, and may be stopped: after a part of an epoch (`0.25 epochs`), or after a number of steps
    (`500 steps`), which divides epochs into equal parts of at most so many. None is after every epoch. The rungs and
    `grace` of `stopping` are counted in reports."""
    dev_grows: bool = Field(False, exclude_if=lambda grows: not grows)
    """Whether reports up to the first rung are scored on a part of dev, those up to the next rung on eta times as many
    examples, and only those after the last rung on all of it; see `ptune.spec.growing`."""
    stopping: Stopping = DEFAULT
    """When trials end before the horizon; see `ptune.spec.stopping`."""

    @property
    def own_sampler(self) -> str | None:
        """The import path of the user's own sampler; None where it is one of ptune's."""
        return None if self.sampler in SAMPLERS else self.sampler

    @property
    def quick_sampler(self) -> str:
        """What stands for the sampler where nothing is trained: a Gaussian process would take longer than all else."""
        return "tpe" if self.sampler in ("auto", "gp") else self.sampler

    @property
    def stops_early(self) -> bool:
        """Whether trials may end before the horizon."""
        return self.stopping.type != "none"

    @property
    def rule(self) -> str:
        """Its early stopping in a few words."""
        return self.settled().stopping.summary

    @property
    def reports_are_counted(self) -> bool:
        """Whether it is known how many reports an epoch has: of steps, once the data is read."""
        return reports_per_epoch(self.report_every) is not None

    @property
    def reports_per_epoch(self) -> int:
        """How many reports a trial makes in an epoch; they must be counted."""
        count = reports_per_epoch(self.report_every)
        assert count is not None, "steps are counted before a search begins"
        return count

    @property
    def horizon(self) -> int:
        """The most reports that a trial makes."""
        return self.epochs * self.reports_per_epoch

    def settled(self) -> Budget:
        """The same with all of its early stopping stated, as far as that is known before the steps are counted."""
        if not (self.reports_are_counted and isinstance(self.stopping, Halving)):
            return self
        return self.model_copy(update={"stopping": self.stopping.settled(self.horizon)})

    def in_epochs(self, reports: int) -> float:
        """A number of reports, in epochs."""
        return in_epochs(reports, self.reports_per_epoch)

    @property
    def rungs(self) -> Sequence[int]:
        """The reports before the last one after which a trial may be stopped."""
        return self.stopping.rungs(self.horizon)

    @property
    def stretches(self) -> Sequence[int]:
        """The reports at which a trial's turn may end: the rungs and the horizon."""
        return (*self.rungs, self.horizon)

    def most_epochs(self, trials: int | None) -> float | None:
        """Epochs that a search of so many trials takes at most, by what is known beforehand; None if nothing is."""
        bounds: list[float] = [self.epochs_total] if self.epochs_total is not None else []
        if trials is not None and self.reports_are_counted:
            bounds.append(self.in_epochs(self.stopping.most_epochs(trials, self.horizon)))
        return min(bounds, default=None)

    @property
    def limits(self) -> list[str]:
        """The limits that are stated beside the number of trials, in a few words each."""
        stated = {name: getattr(self, name) for name in (*SPENT, "target", "patience")}
        return [f"{name} {value:g}" for name, value in stated.items() if value is not None]

    @property
    def most_trials(self) -> int:
        """A bound on how many trials the search begins itself; a grid is counted first."""
        bounds = [MOST_TRIALS] if self.trials is None else [self.trials]
        if self.epochs_total is not None:
            bounds.append(self.epochs_total * self.reports_per_epoch // self.stretches[0])
        return min(bounds)

    @field_validator("stopping", mode="before")
    @classmethod
    def _default_unless_stated(cls, stopping: Any) -> Any:
        return {"type": DEFAULT.type, **stopping} if isinstance(stopping, dict) else stopping

    @field_validator("trials")
    @classmethod
    def _stated_unless_a_grid(cls, trials: int | None, info: ValidationInfo) -> int | None:
        sampler = info.data.get("sampler", "grid")
        if trials is None and sampler != "grid" and all(info.data.get(limit, 0) is None for limit in SPENT):
            raise broken(f"required, and missing (it, or {' or '.join(SPENT)}, says when a search by {sampler!r} ends)")
        return trials

    @model_validator(mode="after")
    def _total_has_room_for_a_trial(self) -> Self:
        if self.epochs_total is not None and self.epochs_total < self.epochs:
            raise ValueError(f"epochs_total >= epochs must hold, got {self.epochs_total} < {self.epochs}")
        return self

    @property
    def stopping_law(self) -> str | None:
        """The law that early stopping breaks under the horizon and the number of trials; reports must be counted."""
        per_epoch = self.reports_per_epoch
        if per_epoch == 1:
            law = self.stopping.law(self.horizon)
        elif (law := self.stopping.law(self.horizon, f"{per_epoch} * epochs")) is not None:
            law = f"{law} (grace counts reports, {per_epoch} to an epoch)"
        counts_itself = self.sampler == "grid" and self.trials is None and self.epochs_total is None
        if law is None and not counts_itself:
            total = None if self.epochs_total is None else self.epochs_total * per_epoch
            law = self.stopping.count_law(self.horizon, self.trials, total, per_epoch)
        return law

    @model_validator(mode="after")
    def _stopping_fits(self) -> Self:
        law = self.stopping_law if self.reports_are_counted else None
        if law is not None:
            raise ValueError(law)
        return self
