"""The budget says how many configurations are tried, how they are chosen, and how long each trains."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from ptune.errors import nearest
from ptune.spec.strict import Strict, broken

SAMPLERS = ("tpe", "gp", "qmc", "random", "grid")
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


class _Stopping(Strict):
    """A rule for ending trials before their horizon. `ptune.searching.scheduler` has the algorithm of each."""

    type: str
    """Its name."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """The rule and its settings in a few words."""

    @abstractmethod
    def rungs(self, horizon: int) -> Sequence[int]:
        """The epochs below the horizon after which a trial may be stopped, ascending; none if it never is."""

    @abstractmethod
    def survivors(self, trials: int) -> int:
        """How many of some trials at a rung are expected to go on from it."""

    def most_epochs(self, trials: int, horizon: int) -> int:
        """Epochs that some trials take at most, but for a few that overtake the best at a rung."""
        return trials * horizon

    def law(self, horizon: int) -> str | None:  # noqa: ARG002 - the signature of every rule
        """The law that the settings break under a horizon; None if they fit it."""
        return None


class _Halving(_Stopping):
    """A rule by which one in eta goes on from each of some rungs, the further apart, the later they are."""

    eta: int = Field(3, ge=2)
    """One in eta trials is promoted from a rung to the next."""
    grace: int = Field(1, ge=1)
    """Epochs before the first rung. Rungs lie at grace, grace*eta, grace*eta**2, ... and the horizon."""

    def rungs(self, horizon: int) -> list[int]:
        """Grace, grace*eta, grace*eta**2, ... below the horizon."""
        rungs = []
        rung = self.grace
        while rung < horizon:
            rungs.append(rung)
            rung *= self.eta
        return rungs

    def survivors(self, trials: int) -> int:
        """One in eta, rounded up."""
        return -(-trials // self.eta)

    def law(self, horizon: int) -> str | None:
        """The first rung lies within the horizon."""
        if self.grace <= horizon:
            return None
        return f"stopping.grace <= epochs must hold, got {self.grace} > {horizon}"


class Asha(_Halving):
    """Asynchronous successive halving: a trial goes on only while it is among the best 1/eta at its rung."""

    type: Literal["asha"] = "asha"
    capped: bool = False
    """Whether no more than one in eta ever leaves a rung, but for those that lead it."""

    @property
    def summary(self) -> str:
        """Name, eta, grace, and whether it is capped."""
        return f"asha eta={self.eta} grace={self.grace}{' capped' if self.capped else ''}"

    def most_epochs(self, trials: int, horizon: int) -> int:
        """Those of the survivors of each rung; without the cap, every trial may get to the horizon."""
        if not self.capped:
            return trials * horizon
        epochs = 0
        for start, end in pairwise((0, *self.rungs(horizon), horizon)):
            trials = self.survivors(trials) if start else trials
            epochs += trials * (end - start)
        return epochs


class AshaStopping(_Halving):
    """The variant of asha that never lets a trial rest: at a rung it ends or goes on at once."""

    type: Literal["asha_stopping"] = "asha_stopping"

    @property
    def summary(self) -> str:
        """Name, eta and grace."""
        return f"asha_stopping eta={self.eta} grace={self.grace}"


class Median(_Stopping):
    """A trial ends after an epoch in which it is below the median of what the others had averaged by then."""

    type: Literal["median"] = "median"
    grace: int = Field(1, ge=1)
    """Epochs that every trial trains; averages begin there, too."""
    least: int = Field(3, ge=1)
    """Trials that must have come to an epoch before any is judged there."""

    @property
    def summary(self) -> str:
        """Name, grace, and how many trials it takes."""
        return f"median grace={self.grace} least={self.least}"

    def rungs(self, horizon: int) -> Sequence[int]:
        """Every epoch from grace to the one before the horizon."""
        return range(self.grace, horizon)

    def survivors(self, trials: int) -> int:
        """All of them: how many end depends on how their curves differ."""
        return trials

    def law(self, horizon: int) -> str | None:
        """The trials are judged before the horizon."""
        if self.grace < horizon:
            return None
        return f"stopping.grace < epochs must hold for the median rule, got {self.grace} >= {horizon}"


class Screen(_Stopping):
    """Every trial trains a little, and once all have, the best few of them train to the horizon."""

    type: Literal["screen"] = "screen"
    keep: int = Field(ge=1)
    """How many trials train to the horizon."""
    grace: int = Field(1, ge=1)
    """Epochs that every trial trains."""

    @property
    def summary(self) -> str:
        """Name, how many are kept, and after how many epochs."""
        return f"screen keep={self.keep} grace={self.grace}"

    def rungs(self, horizon: int) -> list[int]:
        """Grace, where it is below the horizon."""
        return [self.grace] if self.grace < horizon else []

    def survivors(self, trials: int) -> int:
        """Those that are kept."""
        return min(self.keep, trials)

    def most_epochs(self, trials: int, horizon: int) -> int:
        """A first stretch for all, and the rest for those that are kept."""
        return trials * self.grace + self.survivors(trials) * (horizon - self.grace)

    def law(self, horizon: int) -> str | None:
        """The trials are compared before the horizon."""
        if self.grace < horizon:
            return None
        return f"stopping.grace < epochs must hold for a screen, got {self.grace} >= {horizon}"


class FullBudget(_Stopping):
    """No early stopping: every trial trains for the whole horizon."""

    type: Literal["none"] = "none"

    @property
    def summary(self) -> str:
        """That there is none."""
        return "no early stopping"

    def rungs(self, horizon: int) -> list[int]:  # noqa: ARG002 - the signature of every rule
        """None."""
        return []

    def survivors(self, trials: int) -> int:
        """All of them."""
        return trials


class Budget(Strict):
    """How much is tried, and how it is chosen."""

    sampler: Sampler = "tpe"
    """How configurations are proposed after the baseline points: by a tree-structured Parzen estimator (`tpe`), a
    Gaussian process (`gp`), evenly (`qmc`), at `random`, or every combination of the space (`grid`). The import path
    `package.module:Class` names any sampler of Optuna's interface."""
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
    trials: int | None = Field(None, ge=1, validate_default=True)
    """Most configurations to try. A grid that leaves this out tries every combination, and a budget with another limit
    of what is spent as many as there is room for."""
    epochs: int = Field(ge=1)
    """Horizon: the most epochs a trial trains, and the length of its learning-rate schedule."""
    stopping: Annotated[Asha | AshaStopping | Median | Screen | FullBudget, Field(discriminator="type")] = Asha()
    """When trials end before the horizon. A table without `type` means asha."""

    @property
    def own_sampler(self) -> str | None:
        """The import path of the user's own sampler; None where it is one of ptune's."""
        return None if self.sampler in SAMPLERS else self.sampler

    @property
    def stops_early(self) -> bool:
        """Whether trials may end before the horizon."""
        return self.stopping.type != "none"

    @property
    def rungs(self) -> Sequence[int]:
        """The epochs below the horizon after which a trial may be stopped."""
        return self.stopping.rungs(self.epochs)

    @property
    def stretches(self) -> Sequence[int]:
        """The epochs at which a trial's turn may end: the rungs and the horizon."""
        return (*self.rungs, self.epochs)

    def most_epochs(self, trials: int | None) -> int | None:
        """Epochs that a search of so many trials takes at most, by what is known beforehand; None if nothing is."""
        bounds = [self.epochs_total] if self.epochs_total is not None else []
        if trials is not None:
            bounds.append(self.stopping.most_epochs(trials, self.epochs))
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
            bounds.append(self.epochs_total // self.stretches[0])
        return min(bounds)

    @field_validator("stopping", mode="before")
    @classmethod
    def _asha_unless_stated(cls, stopping: Any) -> Any:
        return {"type": "asha", **stopping} if isinstance(stopping, dict) else stopping

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

    @model_validator(mode="after")
    def _screen_has_more_trials_than_it_keeps(self) -> Self:
        if not isinstance(self.stopping, Screen):
            return self
        if self.trials is None and self.sampler != "grid":
            raise ValueError("stopping.type = 'screen' needs trials: it compares all of them at once")
        if self.trials is not None and self.trials <= self.stopping.keep:
            raise ValueError(f"stopping.keep < trials must hold, got {self.stopping.keep} >= {self.trials}")
        most = None if self.trials is None else self.stopping.most_epochs(self.trials, self.epochs)
        if self.epochs_total is not None and (most is None or self.epochs_total < most):
            needs = "trials beside it" if most is None else f"at least {most}"
            raise ValueError(f"epochs_total must leave room for all that are kept: needs {needs}")
        return self

    @model_validator(mode="after")
    def _stopping_within_horizon(self) -> Self:
        if (law := self.stopping.law(self.epochs)) is not None:
            raise ValueError(law)
        return self
