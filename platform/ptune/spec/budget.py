"""The budget: how many configurations are tried, how they are chosen, and how long each trains."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from ptune.spec.strict import Strict, broken


class Asha(Strict):
    """Asynchronous successive halving: a trial goes on only while it is among the best 1/eta at its rung."""

    type: Literal["asha"] = "asha"
    eta: int = Field(3, ge=2)
    """One in eta trials is promoted from a rung to the next."""
    grace: int = Field(1, ge=1)
    """Epochs of the first rung; rungs lie at grace, grace*eta, grace*eta**2, ... and the horizon."""


class FullBudget(Strict):
    """No early stopping: every trial trains for the whole horizon."""

    type: Literal["none"] = "none"


class Budget(Strict):
    """How much is tried, and how it is chosen."""

    sampler: Literal["tpe", "random", "grid"] = "tpe"
    """How configurations are proposed after the baseline points; `grid` tries every combination of the space."""
    trials: int | None = Field(None, ge=1, validate_default=True)
    """Configurations to try; only a grid may leave it out, and then tries every combination."""
    epochs: int = Field(ge=1)
    """Horizon: the most epochs a trial trains, and the length of its learning-rate schedule."""
    stopping: Annotated[Asha | FullBudget, Field(discriminator="type")] = Asha()
    """When trials end before the horizon; a table without `type` is asha's."""

    @field_validator("stopping", mode="before")
    @classmethod
    def _asha_unless_stated(cls, stopping: Any) -> Any:
        return {"type": "asha", **stopping} if isinstance(stopping, dict) else stopping

    @field_validator("trials")
    @classmethod
    def _stated_unless_a_grid(cls, trials: int | None, info: ValidationInfo) -> int | None:
        sampler = info.data.get("sampler", "grid")
        if trials is None and sampler != "grid":
            raise broken(f"required, and missing (only a grid knows how many there are, and sampler is {sampler!r})")
        return trials

    @model_validator(mode="after")
    def _grace_within_horizon(self) -> Self:
        if isinstance(self.stopping, Asha) and self.stopping.grace > self.epochs:
            raise ValueError(f"stopping.grace <= epochs must hold, got {self.stopping.grace} > {self.epochs}")
        return self
