"""The job: what a file in `jobs/` may say. Checked completely before anything is loaded or started."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from ptune.spec.data import ClassificationData, ClozeData, Data
from ptune.spec.heads import always_language, head_problems
from ptune.spec.protocol import (
    Published,
    grid_problems,
    horizon_problems,
    published_problems,
    reported,
    split_problems,
)
from ptune.spec.space import Problem, Space
from ptune.spec.strict import Place, Strict, broken, refusal
from ptune.spec.task import Task
from ptune.spec.template import Mask, parse

_MASK = "the language head reads a word's place: write [MASK] where the word goes"

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]


class Backbone(Strict):
    """The pretrained transformer, frozen."""

    id: str
    """`packaged:minilm`, a folder, or a Hub id such as `bert-base-uncased`."""
    revision: str | None = None
    """Hub branch, tag or commit."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Type of the frozen weights; auto is bfloat16 on GPUs and CPUs that multiply it (AMX, AVX-512), else
    float32."""


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


class Resources(Strict):
    """What the search may use."""

    slots: int = Field(4, ge=1, le=256)
    """Trials that train together on one engine."""
    engines: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Engines; auto is one per GPU; without GPUs one per node and more, up to one per core, while memory holds them and
    half of the trials still wait for a seat."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where engines run."""
    token_budget: Annotated[int, Field(ge=64)] | Literal["auto"] = "auto"  # noqa: S105 - tokens of text
    """Most tokens, padding included, in one pass of an engine; auto is what its device makes use of and holds."""
    cache_gb: float = Field(4.0, ge=0.0)
    """Disk that a node may spend on what can be computed again: hidden states below the first prompted layer, tokens of
    large data and, with a quarter of it, weights in another type than the checkpoint's. 0 keeps nothing."""
    checkpointing: Literal["auto", "always", "never"] = "auto"
    """Whether backward passes compute each layer anew instead of keeping it: `auto` from when a mini-batch does not
    fit into memory alone. Encoder-decoders, ALBERT, DeBERTa and trials that tune the backbone or train with its
    dropout never do."""


class Tracking(Strict):
    """Where MLflow keeps the runs."""

    uri: str | None = None
    """Tracking server or database URI; None is SQLite in the runs folder. MLFLOW_TRACKING_URI overrides None.

    In a job file, `sqlite:///runs.db` is relative to it.
    """
    experiment: str | None = None
    """Experiment name; None is the job's name."""


def _native() -> list[Literal["native", "peft"]]:
    return ["native"]


class Export(Strict):
    """What becomes of the best prompt."""

    formats: list[Literal["native", "peft"]] = Field(default_factory=_native)
    """Formats written at the end of the search; native is always written."""


class Job(Strict):
    """A job file, with its search space read in."""

    name: Name
    """Name of the search; its folder and its MLflow experiment carry it."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Seed of every random choice, with the trial's number."""
    data_seed: int | None = Field(None, ge=0, lt=2**31)
    """Seed of what is drawn from the data (`limit_train`, few-shot draws); None is `seed`."""
    backbone: Backbone
    task: Task
    space: Space
    """The search space; in the file, a path relative to it or a table."""
    start: str | None = None
    """Folder of an exported artifact whose prompt every trial starts from; in the file, relative to it."""
    budget: Budget
    resources: Resources = Resources()
    tracking: Tracking = Tracking()
    export: Export = Export()
    published: list[Published] = Field(default_factory=list)
    """Numbers that somebody reported, for `ptune report`."""

    @property
    def drawing_seed(self) -> int:
        """Seed of what is drawn from the data."""
        return self.seed if self.data_seed is None else self.data_seed

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        problems = [*self._template_problems(), *self._protocol_problems()]
        if problems:
            raise refusal(type(self), problems)
        return self

    def _template_problems(self) -> list[Problem]:
        found = list(self._templates())
        problems: list[Problem] = [
            (place, f"template {template!r}: {law}")
            for place, template, data in found
            if (law := _misfit(template, data, mask=self._needs_mask(data))) is not None
        ]
        if not found and any(map(self._needs_mask, self.task.sets)):
            problems.append((("task", "data", "template"), f"required, and missing: {_MASK}"))
        return problems

    def _protocol_problems(self) -> list[Problem]:
        budget, task = self.budget, self.task
        return [
            *(grid_problems(self.space, budget.trials) if budget.sampler == "grid" else []),
            *horizon_problems(self.space, budget.epochs, stops_early=isinstance(budget.stopping, Asha)),
            *head_problems(self.space, task),
            *split_problems(self.space, max(data.splits for data in task.sets)),
            *published_problems(self.published, reported(task)),
        ]

    def _templates(self) -> Iterator[tuple[Place, str, Data]]:
        """Every template of the data and the space, with its place and the data it lays out."""
        for index, data in enumerate(self.task.sets):
            if data.template is not None:
                yield ("task", *(("data",) if index == 0 else ("more", index - 1)), "template"), data.template, data
        stated: dict[str, Place] = {}
        for definition in self.space.parameters.get("template", []):
            for _, value in definition.stated():
                stated.setdefault(str(value), ("space", "parameters", "template"))
        for number, point in enumerate(self.space.baseline):
            if point.get("template") is not None:
                stated.setdefault(str(point["template"]), ("space", "baseline", number, "template"))
        for template, place in stated.items():
            for data in self.task.sets:
                yield place, template, data

    def _needs_mask(self, data: Data) -> bool:
        """Whether the language head reads a [MASK] that a template has to hold, in every trial."""
        return isinstance(data, ClassificationData | ClozeData) and always_language(self.space, self.task)


def _misfit(template: str, data: Data, *, mask: bool) -> str | None:
    """What keeps a template from laying out a data set."""
    try:
        parts = parse(template, data.fields, data.template)
    except ValueError as error:
        return str(error)
    if mask and not any(isinstance(part, Mask) for part in parts):
        return _MASK
    return None
