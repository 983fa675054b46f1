"""An artifact, whatever its format: a trained prompt with everything that is needed to use it.

The module knows no files and no training, and loads no torch: descriptions are read where no tensor is needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from ptune.artifacts.origin import Origin
from ptune.backbone.families import family_of
from ptune.errors import ArtifactError, nearest
from ptune.spec.data import Data, HeadName
from ptune.spec.inherited import Inherited
from ptune.spec.layout import input_parts
from ptune.spec.prompt import PromptSpec, PromptV2, as_prefix, chosen_layers, is_shifted
from ptune.spec.started_from import StartedFrom
from ptune.spec.strict import Strict
from ptune.spec.task import Task
from ptune.spec.template import written
from ptune.spec.trial import TrialSpec

if TYPE_CHECKING:
    from torch import Tensor


class TaskSet(Strict):
    """One data set of an artifact's task, as its inputs are laid out and its outputs are named."""

    name: str
    """What reports call it."""
    template: str
    """The input, with the length of every prompt run; see `ptune.spec.template`."""
    labels: list[str]
    """Label names in the order of the head's outputs; empty for tasks without labels."""
    thresholds: list[Annotated[float, Field(ge=0.0, le=1.0)]] | None = None
    """The probability from which each label is given, where any number of them may be; None elsewhere."""

    @field_validator("labels")
    @classmethod
    def _differ(cls, labels: list[str]) -> list[str]:
        if twice := [label for label, count in Counter(labels).items() if count > 1]:
            raise ValueError(f"the label {twice[0]!r} stands there twice")
        return labels


class Repeats(Strict):
    """One score over repetitions of a configuration on fresh seeds."""

    mean: float
    sd: float | None
    """Sample standard deviation; None for a single repetition."""
    n: int = Field(ge=1)


class Training(Strict):
    """What a prompt cost, and how much its scores rest on."""

    epochs: int | float = Field(gt=0)
    """Epochs that the trial trained."""
    seconds: float = Field(ge=0.0)
    """Seconds of the trial's training."""
    parameters: int = Field(ge=0)
    """How many numbers it trained."""
    trials: int = Field(ge=1)
    """Trials with a result, of which this one was chosen."""
    examples: dict[str, int]
    """Examples by split: `train`, `dev`, `test`."""
    refit: bool = False
    """Whether it was trained on the data of all folds; its `dev` scores are then the means of its folds."""
    label_smoothing: float = 0.0
    """Share of each target's probability that training spread over all classes."""
    class_weights: dict[str, dict[str, float]] = Field(default_factory=dict)
    """How much each label counted in training, by data set; only where labels did not count alike."""
    repeats: dict[str, Repeats] = Field(default_factory=dict)
    """The task's metric by split, over the folds of the data or the repetitions of a confirmation."""


class SplitDigest(Strict):
    """What one split of the data held."""

    digest: str
    """SHA-256 of its texts and labels."""
    rows: int = Field(ge=0)
    """Number of examples."""


class Provenance(Strict):
    """Where a prompt comes from, as far as everybody may know who is given it: no user, no command, no folder."""

    search_id: str
    """A random name that no other search has."""
    begun: AwareDatetime
    """When the search began."""
    commit: str | None
    """The Git commit of the directory where it was begun; None outside a repository."""
    data: dict[str, SplitDigest]
    """By split; of several data sets, by `split.NAME`."""
    start: StartedFrom | None = None
    """The prompt from which its trial started; None is none, or one that is not known."""
    inherited: Inherited | None = None
    """What its trial began with of another trial of its search; None for a trial that began afresh."""


class Manifest(Strict):
    """Everything in an artifact except its tensors."""

    prompt: PromptSpec
    """The prompt's parameters. Its encoder has been collapsed into the tensor `prompt`."""
    head: HeadName
    """What reads the backbone: a trained head, or its own language head."""
    task: Task
    """The task, with the names of its files but not their places."""
    sets: Annotated[list[TaskSet], Field(min_length=1)]
    """The task's data sets, in order."""
    layers: list[int] | None
    """Layers that hold a v2 prompt, counted from 0; None for other methods."""
    tuned: bool
    """Whether the backbone was trained, too, and its weights are part of the artifact."""
    positions: Literal["shifted", "unshifted"] | None
    """Whether text positions start after a v2 prompt or at zero; None for other methods."""
    backbone: Origin
    versions: dict[str, str]
    """Versions of the libraries it was trained with."""
    scores: dict[str, dict[str, float]]
    """Metrics by split: `dev`, and `test` where the job has one."""
    search: str
    """Name of the search it comes from."""
    trial: int = Field(ge=0)
    """Number of the trial in that search."""
    seed: int = Field(ge=0)
    """The search's seed."""
    training: Training | None = None
    """What it cost; None is unknown."""
    provenance: Provenance | None = None
    """The search that it comes from; None is unknown."""

    @model_validator(mode="after")
    def _layers_are_of_the_backbone(self) -> Self:
        if self.layers == []:
            raise ValueError("layers name at least one layer")
        if self.layers is not None and self.layers != sorted(set(self.layers) & set(range(self.backbone.layers))):
            raise ValueError(f"layers are numbers below {self.backbone.layers}, each once, in ascending order")
        return self

    @property
    def set_names(self) -> list[str]:
        """Names of the data sets, in order."""
        return [task_set.name for task_set in self.sets]

    @property
    def prompt_per_dataset(self) -> bool:
        """Whether there is a prompt for each data set instead of one for all."""
        return self.task.prompts_by_set and len(self.sets) > 1

    @property
    def resolved_prompt(self) -> PromptSpec:
        """The prompt with its layers and its positions as they were, whatever today's defaults are."""
        if not isinstance(self.prompt, PromptV2) or self.layers is None:
            return self.prompt
        named = ",".join(str(layer + 1) for layer in self.layers)
        return self.prompt.model_copy(update={"depth": None, "layers": named, "positions": self.positions})

    @property
    def shift(self) -> int:
        """Positions that the prompt takes before the text."""
        return self.prompt.length if isinstance(self.prompt, PromptV2) and self.positions == "shifted" else 0

    @property
    def has_checksums(self) -> bool:
        """Whether checksums lie beside it: those who write where a prompt comes from write them, too."""
        return self.provenance is not None

    @property
    def language(self) -> bool:
        """Whether the backbone's language head is needed."""
        return self.head == "verbalizer"


@dataclass(frozen=True)
class Artifact:
    """A trained prompt.

    Attributes:
        manifest: what it is and how to use it.
        tensors: the collapsed learner, see `ptune.prompts.learner.Learner.collapsed`: `prompt.N` [T, W] for each
            prompt, the heads' `head.N.*`, and `backbone.*` where the backbone was tuned.
    """

    manifest: Manifest
    tensors: Mapping[str, Tensor]

    def scored(self, split: str, metrics: Mapping[str, float]) -> Artifact:
        """The same artifact with its scores on one more split."""
        scores = {**self.manifest.scores, split: dict(metrics)}
        return Artifact(self.manifest.model_copy(update={"scores": scores}), self.tensors)

    def deciding(self, thresholds: Sequence[Sequence[float]]) -> Artifact:
        """The same artifact with the thresholds of each data set's labels."""
        pairs = zip(self.manifest.sets, thresholds, strict=True)
        sets = [task_set.model_copy(update={"thresholds": list(least)}) for task_set, least in pairs]
        return Artifact(self.manifest.model_copy(update={"sets": sets}), self.tensors)

    def part(self, data_set: str) -> Artifact:
        """The artifact for one of its data sets alone, with the prompt and the head that answer for it.

        Raises:
            ArtifactError: it has no such data set.
        """
        names = self.manifest.set_names
        if data_set not in names:
            has = f"(it has: {', '.join(names)})"
            raise ArtifactError(f"the artifact has no data set {data_set!r}{nearest(data_set, names)} {has}")
        number = names.index(data_set)
        several = {kind for kind in ("prompt", "head") if any(name.startswith(f"{kind}.1") for name in self.tensors)}
        tensors = {}
        for name, tensor in self.tensors.items():
            kind, place, *rest = name.split(".", 2)
            if kind not in several:
                tensors[name] = tensor
            elif place == str(number):
                tensors[".".join([kind, "0", *rest])] = tensor
        return Artifact(_part(self.manifest, number), tensors)


def _part(manifest: Manifest, number: int) -> Manifest:
    """What an artifact says of one of its data sets: its own scores, digests and numbers of examples."""
    task, name = manifest.task, manifest.set_names[number]
    more: dict[str, Any] = {"more": []} if "more" in type(task).model_fields else {}
    data = task.sets[number]
    provenance, training = manifest.provenance, manifest.training
    if provenance is not None:
        suffix = f".{name}"
        own = {key.removesuffix(suffix): split for key, split in provenance.data.items() if key.endswith(suffix)}
        provenance = provenance.model_copy(update={"data": own})
    if training is not None:
        counts = {split: found.rows for split, found in provenance.data.items()} if provenance else {}
        training = training.model_copy(update={"examples": counts, "repeats": {}})
    return manifest.model_copy(
        update={
            "task": task.model_copy(update={"data": data.model_copy(update={"name": name}), **more}),
            "sets": [manifest.sets[number]],
            "scores": {split: _own_scores(scores, name) for split, scores in manifest.scores.items()},
            "provenance": provenance,
            "training": training,
        }
    )


def _own_scores(scores: Mapping[str, float], data_set: str) -> dict[str, float]:
    """The metrics of one data set among those of several, `accuracy.NAME`, under their names."""
    suffix = f".{data_set}"
    return {name.removesuffix(suffix): value for name, value in scores.items() if name.endswith(suffix)}


def describe(
    spec: TrialSpec,
    task: Task,
    origin: Origin,
    *,
    labels: Sequence[Sequence[str]],
    versions: Mapping[str, str],
    scores: Mapping[str, Mapping[str, float]],
    search: str,
    trial: int,
    seed: int,
    training: Training | None = None,
    provenance: Provenance | None = None,
) -> Manifest:
    """Describe a trained prompt; its templates, layers and position convention follow from the other arguments.

    Args:
        spec: the trial.
        task: its task.
        origin: the backbone.
        labels: label names of each data set.
        versions: of the libraries it was trained with.
        scores: metrics by split.
        search: name of the search.
        trial: its number there.
        seed: the search's seed.
        training: what it cost.
        provenance: the search that it comes from.

    Raises:
        SpecError: the prompt does not fit its fields or its backbone.
    """
    prompt, deep = spec.prompt, as_prefix(spec.prompt)
    head = spec.head or task.default_head
    return Manifest(
        prompt=prompt,
        head=head,
        task=_portable(task),
        sets=[
            TaskSet(name=name, template=template_of(prompt, data, head), labels=list(names))
            for name, data, names in zip(task.set_names, task.sets, labels, strict=True)
        ],
        tuned=spec.recipe.backbone_lr is not None,
        layers=list(chosen_layers(deep, origin.layers)) if deep else None,
        positions=_positions(deep, origin) if deep else None,
        backbone=origin,
        versions=dict(versions),
        scores={split: dict(metrics) for split, metrics in scores.items()},
        search=search,
        trial=trial,
        seed=seed,
        training=training,
        provenance=provenance,
    )


def _positions(prompt: PromptV2, origin: Origin) -> Literal["shifted", "unshifted"]:
    family = family_of(origin.model_type, origin.id)
    return "shifted" if is_shifted(prompt, origin.layers, shifts=family.shifts) else "unshifted"


def template_of(prompt: PromptSpec, data: Data, head: HeadName) -> str:
    """The layout of an input of a data set, with the length of every prompt run.

    Raises:
        SpecError: the prompt does not fit the data's fields.
    """
    return written(input_parts(prompt, data.fields, data.template, masked=head == "verbalizer"))


def _portable(task: Task) -> Task:
    """A task whose files are named without their folders, which mean nothing elsewhere."""
    changes: dict[str, Any] = {"data": _named(task.data)}
    if "more" in type(task).model_fields:  # relations of cloze facts follow from their one table, so they have none
        changes["more"] = [_named(data) for data in task.more]
    return task.model_copy(update=changes)


def _named(data: Data) -> Data:
    return data.model_copy(update={key: Path(name).name for key, name in data.files.items()})
