"""The job: what a file in `jobs/` may say. Checked completely before anything is loaded or started."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from ptune.spec.space import Space
from ptune.spec.strict import Place, Strict, refusal
from ptune.spec.template import parse

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]


class Backbone(Strict):
    """The pretrained transformer, frozen."""

    id: str
    """`packaged:minilm`, a folder, or a Hub id such as `bert-base-uncased`."""
    revision: str | None = None
    """Hub branch, tag or commit."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Type of the frozen weights; auto is float32 on CPUs and bfloat16 on GPUs that have it."""


class Data(Strict):
    """Where examples come from and which columns matter."""

    source: str | None = None
    """`builtin:NAME`, a Hub data set id, or a folder laid out like one; leave out for local files."""
    config: str | None = None
    """Configuration of a Hub data set, such as `sst2` of `nyu-mll/glue`."""
    train: str = "train"
    """Training split: a split's name, or a csv, tsv, jsonl, json or parquet file relative to the job file."""
    dev: str = "dev"
    """Split that selects: reported every epoch."""
    test: str | None = None
    """Held-out split; scored only for the exported prompt."""
    text: list[str] = Field(default_factory=lambda: ["text"], min_length=1, max_length=2)
    """Text columns: one, or two for sentence pairs."""
    label: str = "label"
    """Label column."""
    rename: dict[str, str] = Field(default_factory=dict)
    """Columns that some file calls otherwise: `{ premise = "sentence1" }` reads its `premise` as `sentence1`."""
    labels: Annotated[list[str], Field(min_length=2)] | None = None
    """Label values in the order of the head's outputs; None takes the training split's, sorted."""
    max_length: int = Field(128, ge=8)
    """Longest input in tokens, prompt tokens of v1 included; longer texts are shortened."""
    limit_train: int | None = Field(None, ge=1)
    """Use only this many training examples, drawn with the job's seed."""
    limit_dev: int | None = Field(None, ge=1)
    """Use only this many dev examples, the first ones."""

    @model_validator(mode="after")
    def _distinct_names(self) -> Self:
        if len({*self.text, self.label}) != len(self.text) + 1:
            raise ValueError(f"text and label must name different columns, got text={self.text}, label={self.label!r}")
        if self.labels is not None and len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels must differ from each other, got {self.labels}")
        return self

    @model_validator(mode="after")
    def _files_without_a_source(self) -> Self:
        if self.source is not None:
            return self
        splits = {"train": self.train, "dev": self.dev, "test": self.test}
        names = [f"{key} = {name!r}" for key, name in splits.items() if name is not None and not Path(name).suffix]
        if names:
            raise ValueError(f"without a source, every split must be a file with a suffix, got {', '.join(names)}")
        if self.config is not None:
            raise ValueError(f"config belongs to a Hub data set, and there is no source, got config={self.config!r}")
        return self


class Task(Strict):
    """Data, head and metric."""

    kind: Literal["classification"] = "classification"
    """What is predicted for one input."""
    data: Data
    metric: Literal["accuracy", "macro_f1"] = "accuracy"
    """What the search maximises, on the dev split."""


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

    trials: int = Field(ge=1)
    """Configurations to try."""
    epochs: int = Field(ge=1)
    """Horizon: the most epochs a trial trains, and the length of its learning-rate schedule."""
    sampler: Literal["tpe", "random"] = "tpe"
    """How configurations are proposed after the baseline points."""
    stopping: Annotated[Asha | FullBudget, Field(discriminator="type")] = Asha()
    """When trials end before the horizon; a table without `type` is asha's."""

    @field_validator("stopping", mode="before")
    @classmethod
    def _asha_unless_stated(cls, stopping: Any) -> Any:
        return {"type": "asha", **stopping} if isinstance(stopping, dict) else stopping

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
    """Engines; auto is one per GPU, or one per node without GPUs."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where engines run."""
    token_budget: int = Field(16_384, ge=64)
    """Most tokens, padding included, in one pass of an engine."""


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
    backbone: Backbone
    task: Task
    space: Space
    """The search space; in the file, a path relative to it or a table."""
    budget: Budget
    resources: Resources = Resources()
    tracking: Tracking = Tracking()
    export: Export = Export()

    @model_validator(mode="after")
    def _templates_fit(self) -> Self:
        places: dict[str, Place] = {}
        for definition in self.space.parameters.get("template", []):
            for _, value in definition.stated():
                places.setdefault(str(value), ("space", "parameters", "template"))
        for index, point in enumerate(self.space.baseline):
            if "template" in point:
                places.setdefault(str(point["template"]), ("space", "baseline", index, "template"))
        problems = []
        for template, place in places.items():
            try:
                parse(template, self.task.data.text)
            except ValueError as error:
                problems.append((place, f"template {template!r}: {error}"))
        if problems:
            raise refusal(type(self), problems)
        return self
