"""Early stopping: the rules for ending trials before their horizon, and the settings of each.

Horizons, rungs and `grace` are numbers of reports. Each is an epoch, unless `budget.report_every` says otherwise.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from itertools import count, pairwise, takewhile
from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field

from ptune.spec.strict import Strict

_DECIMALS = 6


class _Stopping(Strict):
    """A rule for ending trials before their horizon. `ptune.searching.scheduler` has the algorithm of each."""

    ranks: ClassVar[bool] = True
    """Whether it can rank by several objectives: it asks only which of all trials at a rung are the best."""
    type: str
    """Its name."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """The rule and its settings in a few words."""

    @abstractmethod
    def rungs(self, horizon: int) -> Sequence[int]:
        """The reports before the horizon after which a trial may be stopped, ascending; none if it never is."""

    @abstractmethod
    def survivors(self, trials: int, rung: int, horizon: int) -> int:
        """How many of some trials at a rung, given in reports, are expected to go on from it."""

    def most_epochs(self, trials: int, horizon: int) -> int:
        """Reports that some trials make at most, but for a few that overtake the best at a rung."""
        return trials * horizon

    def law(self, horizon: int, told: str = "epochs") -> str | None:
        """The law that the settings break under a horizon, which messages call `told`; None, unless a rule has one."""

    def count_law(self, horizon: int, trials: int | None, reports_total: int | None, per_epoch: int = 1) -> str | None:
        """The law that the settings break under a number of trials and of reports; None, unless a rule has one."""


def rounded_up(amount: float) -> int:
    """The next whole number; the error of a power does not make a whole amount a little more."""
    return math.ceil(round(amount, _DECIMALS))


class Halving(_Stopping):
    """A rule by which one in eta goes on from each of some rungs, the further apart, the later they are."""

    starts_later: ClassVar[bool] = False
    """Whether the first rung lies later under a longer horizon, unless `grace` is stated."""
    eta: int = Field(3, ge=2)
    """One in eta trials is promoted from a rung to the next."""
    grace: int | None = Field(None, ge=1)
    """Reports before the first rung. Rungs lie at grace, grace*eta, grace*eta**2, ... and the horizon. Under `asha`,
    they lie `spacing` apart. None is 1, or with `asha` the root of half the horizon: 1 of up to 7 reports, 2 of 8 to
    17, 3 of 18 to 31, 7 of 100."""

    @property
    def apart(self) -> float:
        """How many times as late a rung lies as the one before it."""
        return self.eta

    def first_rung(self, horizon: int) -> int:
        """The report of the first rung."""
        return self.grace or (max(1, math.isqrt(horizon // 2)) if self.starts_later else 1)

    def settled(self, horizon: int) -> Self:
        """The same with what suits the horizon stated."""
        return self.model_copy(update={"grace": self.first_rung(horizon)})

    def rungs(self, horizon: int) -> list[int]:
        """Grace, grace*apart, grace*apart**2, ... below the horizon, rounded up."""
        first = self.first_rung(horizon)
        ends = (rounded_up(first * self.apart**power) for power in count())
        return list(dict.fromkeys(takewhile(lambda end: end < horizon, ends)))

    def survivors(self, trials: int, rung: int, horizon: int) -> int:  # noqa: ARG002
        """One in eta, rounded up."""
        return -(-trials // self.eta)

    def law(self, horizon: int, told: str = "epochs") -> str | None:
        """The first rung lies within the horizon."""
        if self.first_rung(horizon) <= horizon:
            return None
        return f"stopping.grace <= {told} must hold, got {self.grace} > {horizon}"

    @property
    def summary(self) -> str:
        """Name, eta and, where it is stated, grace."""
        return f"{self.type} eta={self.eta}" + ("" if self.grace is None else f" grace={self.grace}")


class Asha(Halving):
    """Asynchronous successive halving: a trial goes on only while it is among the best 1/eta at its rung.

    The first trial that comes to a later rung does not wait there, so that one is trained to its end early.
    """

    starts_later: ClassVar[bool] = True
    type: Literal["asha"] = "asha"
    spacing: float | None = Field(None, ge=1.2, allow_inf_nan=False)
    """How many times as late a rung lies as the one before it, rounded up to a report. None is the root of eta."""
    capped: bool = False
    """Whether no more than one in eta ever leaves a rung, but for those that lead it."""

    @property
    def apart(self) -> float:
        """The spacing."""
        return self.spacing or math.sqrt(self.eta)

    def settled(self, horizon: int) -> Self:
        """The same with its rungs stated."""
        return super().settled(horizon).model_copy(update={"spacing": self.apart})

    @property
    def summary(self) -> str:
        """Name, eta, grace, a spacing of its own, and whether it is capped."""
        spacing = "" if self.apart == math.sqrt(self.eta) else f" spacing={self.apart:g}"
        return f"{super().summary}{spacing}{' capped' if self.capped else ''}"

    def most_epochs(self, trials: int, horizon: int) -> int:
        """Those of the survivors of each rung; without the cap, every trial may get to the horizon."""
        if not self.capped:
            return trials * horizon
        epochs = 0
        for start, end in pairwise((0, *self.rungs(horizon), horizon)):
            trials = self.survivors(trials, start, horizon) if start else trials
            epochs += trials * (end - start)
        return epochs


class AshaStopping(Halving):
    """The variant of asha that never lets a trial rest: at a rung it ends or goes on at once."""

    ranks: ClassVar[bool] = False
    type: Literal["asha_stopping"] = "asha_stopping"


class Pasha(Halving):
    """Asha whose highest rung grows only while the two highest rungs do not rank trials alike.

    The best trial trains to the horizon in any case.
    """

    ranks: ClassVar[bool] = False
    type: Literal["pasha"] = "pasha"

    @property
    def summary(self) -> str:
        """Name, eta, grace, and which rung trials climb to at first."""
        return super().summary + ("" if self.grace is None else f", first to report {self.grace * self.eta}")

    def survivors(self, trials: int, rung: int, horizon: int) -> int:
        """One in eta of the first rung, rounded up; of the later ones, which may never be in use, the best alone."""
        return super().survivors(trials, rung, horizon) if rung == self.first_rung(horizon) else min(1, trials)

    def law(self, horizon: int, told: str = "epochs") -> str | None:
        """There are two rungs to compare below the horizon."""
        if len(self.rungs(horizon)) > 1:
            return None
        law = f"stopping.grace * eta < {told} must hold for pasha, which compares two rungs below the horizon"
        return f"{law}, got {self.first_rung(horizon)} * {self.eta} >= {horizon}"


class Hyperband(Halving):
    """Successive halving in several brackets, of which each leaves out one rung more at the beginning.

    A configuration that rises late is safe in a bracket whose first rung lies late.
    """

    ranks: ClassVar[bool] = False
    type: Literal["hyperband"] = "hyperband"
    brackets: int | None = Field(None, ge=1)
    """How many brackets; the first has all rungs. None is as many as there can be: the last has no rung at all."""

    @property
    def summary(self) -> str:
        """Name, eta, grace and, where it is stated, the number of brackets."""
        return f"{super().summary}{'' if self.brackets is None else f' brackets={self.brackets}'}"

    def entering(self, horizon: int) -> list[int]:
        """How many trials enter each bracket in a round: as many as make brackets alike in epochs.

        Li et al. 2018, "Hyperband", algorithm 1: of S + 1 brackets, the one with s rungs takes ceil((S + 1) / (s + 1) *
        eta**s) trials.
        """
        rungs = len(self.rungs(horizon))
        brackets = rungs + 1 if self.brackets is None else self.brackets
        return [
            math.ceil((rungs + 1) * int(self.eta**left) / (left + 1)) for left in range(rungs, rungs - brackets, -1)
        ]

    def survivors(self, trials: int, rung: int, horizon: int) -> int:
        """One in eta of the brackets that have the rung, and all of the others."""
        rungs = self.rungs(horizon)
        index = rungs.index(rung)
        there = [count * float(self.eta) ** min(0, first - index) for first, count in enumerate(self.entering(horizon))]
        gone_on = [count / self.eta if first <= index else count for first, count in enumerate(there)]
        return math.ceil(trials * sum(gone_on) / sum(there))

    def law(self, horizon: int, told: str = "epochs") -> str | None:
        """The first rung lies within the horizon, and there is a bracket for each rung and one more at most."""
        most = len(self.rungs(horizon)) + 1
        if self.brackets is not None and self.brackets > most:
            rungs = "1 rung" if most == 2 else f"{most - 1} rungs"
            return f"stopping.brackets <= {most} must hold with {rungs} below the horizon, got {self.brackets}"
        return super().law(horizon, told)


class Median(_Stopping):
    """A trial ends after a report in which it is below the median of what the others had averaged by then."""

    ranks: ClassVar[bool] = False
    type: Literal["median"] = "median"
    grace: int = Field(1, ge=1)
    """Reports that every trial makes; averages begin there, too."""
    least: int = Field(3, ge=1)
    """Trials that must have come to a report before any is judged there."""

    @property
    def summary(self) -> str:
        """Name, grace, and how many trials it takes."""
        return f"median grace={self.grace} least={self.least}"

    def rungs(self, horizon: int) -> Sequence[int]:
        """Every report from grace to the one before the horizon."""
        return range(self.grace, horizon)

    def survivors(self, trials: int, rung: int, horizon: int) -> int:  # noqa: ARG002
        """All of them: how many end depends on how their curves differ."""
        return trials

    def law(self, horizon: int, told: str = "epochs") -> str | None:
        """The trials are judged before the horizon."""
        if self.grace < horizon:
            return None
        return f"stopping.grace < {told} must hold for the median rule, got {self.grace} >= {horizon}"


class Screen(_Stopping):
    """Every trial trains a little, and once all have, the best few of them train to the horizon."""

    type: Literal["screen"] = "screen"
    keep: int = Field(ge=1)
    """How many trials train to the horizon."""
    grace: int = Field(1, ge=1)
    """Reports that every trial makes before they are compared."""

    @property
    def summary(self) -> str:
        """Name, how many are kept, and after how many reports."""
        return f"screen keep={self.keep} grace={self.grace}"

    def rungs(self, horizon: int) -> list[int]:
        """Grace, where it is below the horizon."""
        return [self.grace] if self.grace < horizon else []

    def survivors(self, trials: int, rung: int, horizon: int) -> int:  # noqa: ARG002
        """Those that are kept."""
        return min(self.keep, trials)

    def most_epochs(self, trials: int, horizon: int) -> int:
        """A first stretch for all, and the rest for those that are kept."""
        return trials * self.grace + self.survivors(trials, self.grace, horizon) * (horizon - self.grace)

    def law(self, horizon: int, told: str = "epochs") -> str | None:
        """The trials are compared before the horizon."""
        if self.grace < horizon:
            return None
        return f"stopping.grace < {told} must hold for a screen, got {self.grace} >= {horizon}"

    def count_law(self, horizon: int, trials: int | None, reports_total: int | None, per_epoch: int = 1) -> str | None:
        """There are more trials than are kept, and epochs for all that are."""
        if trials is None:
            return "stopping.type = 'screen' needs trials: it compares all of them at once"
        if trials <= self.keep:
            return f"stopping.keep < trials must hold, got {self.keep} >= {trials}"
        most = self.most_epochs(trials, horizon)
        if reports_total is not None and reports_total < most:
            return f"epochs_total must leave room for all that are kept: needs at least {-(-most // per_epoch)}"
        return None


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

    def survivors(self, trials: int, rung: int, horizon: int) -> int:  # noqa: ARG002
        """All of them."""
        return trials


DEFAULT = Asha()
"""The rule of a job that states none, or a table without `type`."""
Stopping = Annotated[
    Asha | AshaStopping | Pasha | Hyperband | Median | Screen | FullBudget, Field(discriminator="type")
]
"""Any of the rules."""
RANKING = tuple(str(rule.model_fields["type"].default) for rule in get_args(get_args(Stopping)[0]) if rule.ranks)
"""The names of those that can rank by several objectives."""
HALVING = tuple(
    str(rule.model_fields["type"].default) for rule in get_args(get_args(Stopping)[0]) if issubclass(rule, Halving)
)
"""The names of those that let one in eta go on from each rung."""
