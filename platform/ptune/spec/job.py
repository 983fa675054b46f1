"""The job: everything that a file in `jobs/` may say. It is checked completely before anything is loaded or started."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, Self

from pydantic import Field, model_validator

from ptune.spec.budget import Budget
from ptune.spec.cluster import Cluster
from ptune.spec.folds import fold_problems
from ptune.spec.formats import FormatName
from ptune.spec.growing import growing_problems
from ptune.spec.heads import head_problems
from ptune.spec.layout import template_problems
from ptune.spec.losses import smoothing_problems
from ptune.spec.objectives import Objectives, objective_problems
from ptune.spec.population import population_problems
from ptune.spec.prior import Prior
from ptune.spec.problem import Problem
from ptune.spec.protocol import (
    Published,
    grid_problems,
    horizon_problems,
    published_problems,
    report_problems,
    sampler_problems,
    split_problems,
)
from ptune.spec.quantization import Quantization, quantization_problems
from ptune.spec.resources import Resources
from ptune.spec.space import Space
from ptune.spec.starts import start_problems
from ptune.spec.strict import Strict, refusal
from ptune.spec.task import Task
from ptune.spec.texts import SearchName
from ptune.spec.tracking import Tracking


class BackboneSpec(Strict):
    """The pretrained transformer, frozen."""

    id: str
    """`packaged:minilm`, a folder, or a Hub id such as `bert-base-uncased`."""
    revision: str | None = None
    """Hub branch, tag or commit."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Type of the frozen weights. auto is bfloat16 on GPUs and on CPUs that multiply it (AMX, AVX-512), and float32
    elsewhere."""
    quantization: Quantization | None = None
    """`int8` holds the matrices of the layers in 8 bits, which takes torchao. Embeddings, norms and heads stay as they
    are, and prompts and hidden states keep their types."""
    trust_remote_code: bool | None = None
    """Whether Python code that the backbone brings along is run. None refuses such a backbone, and false loads it with
    transformers' own classes."""


def _native() -> list[FormatName]:
    return ["native"]


class Export(Strict):
    """How the best prompt is exported."""

    formats: list[FormatName] = Field(default_factory=_native)
    """Formats that are written at the end of the search. native is always written."""
    refit: bool = False
    """With folds: train the best configuration once more, on all folds together, and export that. It trains for as many
    epochs as its folds took to their best, in the median."""


class Job(Strict):
    """A job file, with its search space read in."""

    name: SearchName
    """Name of the search, of its folder and of its MLflow experiment."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Seed of every random choice, together with the trial's number."""
    data_seed: int | None = Field(None, ge=0, lt=2**31)
    """Seed of every draw from the data (`limit_train`, few-shot draws); None is `seed`."""
    backbone: BackboneSpec
    task: Task
    space: Space
    """The search space; in the file, a path relative to it or a table."""
    start: str | None = None
    """The trained prompt from which every trial starts: the folder of an artifact, in a job file relative to the file;
    or a URI, see `ptune.spec.prompt_uri`."""
    prior: Prior | None = None
    """Earlier searches, published settings and recorded curves, from which the first configurations come."""
    objectives: Objectives | None = None
    """What counts beside the task's metric."""
    budget: Budget
    resources: Resources = Resources()
    tracking: Tracking = Tracking()
    export: Export = Export()
    cluster: Cluster = Cluster()
    published: list[Published] = Field(default_factory=list)
    """Numbers that somebody reported, for `ptune report`."""

    @property
    def drawing_seed(self) -> int:
        """Seed of every draw from the data."""
        return self.seed if self.data_seed is None else self.data_seed

    @model_validator(mode="after")
    def _tables_fit(self) -> Self:
        problems = job_problems(Tables.of(self))
        if problems:
            raise refusal(type(self), problems)
        return self


@dataclass(frozen=True)
class Tables:
    """The tables of a job that are valid by themselves; None stands for one that is not."""

    export: Export | None = None
    backbone: BackboneSpec | None = None
    task: Task | None = None
    space: Space | None = None
    start: str | None = None
    prior: Prior | None = None
    objectives: Objectives | None = None
    budget: Budget | None = None
    resources: Resources | None = None
    tracking: Tracking | None = None
    published: list[Published] | None = None
    drawing_seed: int = 0
    dropped: frozenset[str] = frozenset()
    """Parameters of which a definition is broken and left out of the space: laws cannot know what they hold."""

    @classmethod
    def of(cls, job: Job) -> Self:
        """Those of a valid job."""
        return cls(**{field.name: getattr(job, field.name) for field in fields(cls) if field.name != "dropped"})


def job_problems(tables: Tables) -> list[Problem]:
    """The laws between the tables of a job that are broken. They need neither the backbone nor the data."""
    task, space, budget = tables.task, tables.space, tables.budget
    problems = [] if task is None else template_problems(task, space, tables.dropped)
    if space is not None and budget is not None:
        problems += [*grid_problems(space, budget, counted=not tables.dropped), *horizon_problems(space, budget)]
        problems += [*sampler_problems(space, budget), *([] if task is None else report_problems(space, task, budget))]
        problems += population_problems(space, budget, whole=not tables.dropped)
    if budget is not None:
        problems += growing_problems(budget, task, space, tables.objectives)
    if tables.prior is not None and budget is not None and budget.sampler == "grid":
        law = 'a search with budget.sampler = "grid" tries every combination, so that there is no first one to choose'
        problems.append(Problem(("prior",), law))
    if space is not None and tables.backbone is not None:
        problems += quantization_problems(tables.backbone.quantization, space)
    if space is not None and task is not None:
        problems += [*head_problems(space, task, tables.dropped), *split_problems(space, task)]
        problems += [*start_problems(space, task), *smoothing_problems(space, task)]
    if task is not None:
        refit = tables.export is not None and tables.export.refit
        problems += fold_problems(task, space, budget, refit=refit)
    if tables.objectives is not None:
        problems += objective_problems(tables.objectives, task, space, budget)
    if task is not None and tables.published:
        problems += published_problems(tables.published, task)
    return problems
