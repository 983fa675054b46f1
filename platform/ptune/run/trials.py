"""From a configuration to something an engine can train: the trial's prompt, head and encoded data."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from ptune.artifacts.artifact import Artifact
from ptune.backbone.backbone import Backbone
from ptune.checks.reports import steps_law
from ptune.data.class_weights import class_weights
from ptune.data.dev_parts import dev_parts
from ptune.data.sources import Splits
from ptune.data.templates import Layout
from ptune.engine.seeds import stream_seed
from ptune.engine.slots import DevPart, Plan
from ptune.errors import SpecError
from ptune.prompts.build import build_learner, start_from
from ptune.prompts.inherit import inherit
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples
from ptune.record.history import REJECTED
from ptune.record.objective import Objective
from ptune.run import warm
from ptune.run.own_memory import own_memory_mb
from ptune.run.trial_states import TrialStates, state_file
from ptune.spec.growing import part_sizes
from ptune.spec.job import Job
from ptune.spec.objectives import SECONDS, SHARE, SIZE, TRAINING
from ptune.spec.prompt import input_length, input_template
from ptune.spec.trial import Config, TrialSpec
from ptune.tasks.build import build_task, lay_out
from ptune.tasks.class_loss import ClassLoss
from ptune.tasks.joint import JointTask
from ptune.tasks.kind import TaskKind

_MOST_ENCODINGS = 8  # of the data, each under another template; slots hold on to their own


@dataclass(frozen=True)
class _Encoded:
    """The data of trials that see it alike."""

    layouts: Sequence[Layout]
    train: Examples
    dev: Examples
    dev_parts: Sequence[DevPart]


def weights_type(backbone: Backbone) -> str:
    """Type of a backbone's weights: `float32` or `bfloat16`."""
    return str(backbone.dtype).removeprefix("torch.")


class TrialFactory:
    """Makes the trials of one job on one backbone; the data is encoded once for each template in use.

    Args:
        job: the job.
        splits: its data sets, in order.
        backbone: its backbone.
        folder: the folder of its search.
        start: the artifact from which every trial starts.

    Attributes:
        states: the trials' saved states; the newest of a trial is on this disk when it is made.
    """

    def __init__(
        self, job: Job, splits: Sequence[Splits], backbone: Backbone, folder: Path, start: Artifact | None = None
    ) -> None:
        self._splits = splits
        self._job = job
        self._backbone = backbone
        self._folder = folder
        self._start = start
        self.states = TrialStates(folder)
        self._draws: dict[int, list[Splits]] = {}
        self._encoded: OrderedDict[tuple[Any, ...], _Encoded] = OrderedDict()

    def make(self, trial: int, config: Config, *, whole: bool = False) -> tuple[Plan, Learner]:
        """Build trial number `trial` from its flat configuration; `whole` trains it on the data of all folds.

        Raises:
            SpecError: the configuration does not fit the backbone, the data or the artifact it starts from, or its size
                the job's bounds.
            DataError: the prompt leaves no room for text.
            EngineError: what it starts from is damaged.
        """
        job, backbone = self._job, self._backbone
        spec = TrialSpec.from_config(config)
        number = None if whole else spec.protocol.split
        task, encoded = self._task(spec, number), self._encode(spec, number)
        learner = build_learner(
            spec.prompt,
            backbone,
            [kind.head_spec(layout) for kind, layout in zip(task.kinds, encoded.layouts, strict=True)],
            seed=stream_seed(job.seed, trial, "init"),
            prompts=len(task.kinds) if job.task.prompts_by_set else 1,
            recipe=spec.recipe,
            description=self._description,
        )
        self._check_size(learner)
        if self._starting_tensors:
            start_from(learner, self._starting_tensors)
        self.states.bring(trial)
        if (learned := warm.learned(self._folder, trial)) is not None:
            parent = spec if learned.config is None else TrialSpec.from_config(learned.config)
            inherit(learner, learned.tensors, parent.prompt, backbone.shape.layers)
        plan = Plan(
            trial=trial,
            recipe=spec.recipe,
            task=task,
            train=encoded.train,
            dev=encoded.dev,
            dev_parts=encoded.dev_parts,
            objective=Objective.of(job.task).keeping(spec.protocol.keep_epoch, job.budget.reports_per_epoch),
            seed=job.seed,
            horizon=spec.protocol.epochs or job.budget.epochs,
            state_path=self._folder / state_file(trial),
            config=spec.to_config(),
            dtype=weights_type(backbone),
            reports_per_epoch=job.budget.reports_per_epoch,
            shares_time=self._weighs(SECONDS),
            memory_mb=own_memory_mb(spec, learner, encoded.train, backbone, job.resources.token_budget)
            if self._weighs(TRAINING)
            else None,
        )
        if learner.trained and (law := steps_law(plan.steps_per_epoch, plan.reports_per_epoch)) is not None:
            raise SpecError(f"{REJECTED}{law}")
        return plan, learner

    def _weighs(self, cost: str) -> bool:
        """Whether a cost counts among the job's objectives, or has a bound."""
        objectives = self._job.objectives
        return objectives is not None and cost in (*objectives.beside, *objectives.bounded)

    def _check_size(self, learner: Learner) -> None:
        """Refuse a learner of which the job's bounds say that it is too large or too small.

        Raises:
            SpecError: they do.
        """
        if self._job.objectives is None:
            return
        trained = float(learner.trained)
        laws = self._job.objectives.laws({SIZE: trained, SHARE: trained / self._backbone.shape.parameters})
        if laws:
            raise SpecError(f"{REJECTED}{'; '.join(laws)}")

    @property
    def _description(self) -> str:
        """What the task is, in words; the labels where nobody has described it."""
        labels = dict.fromkeys(label for splits in self._splits for label in splits.labels)
        return self._job.task.description or ", ".join(labels)

    @cached_property
    def _starting_tensors(self) -> Mapping[str, Tensor]:
        """The tensors that every trial starts from; none unless it starts from an artifact."""
        if self._start is None:
            return {}
        names = self._job.task.set_names
        labels = {name: splits.labels for name, splits in zip(names, self._splits, strict=True)}
        return starting_tensors(self._start, labels)

    def _task(self, spec: TrialSpec, number: int | None) -> JointTask:
        """The task as this configuration's trials learn it, on a draw of the data, see `_drawn`."""
        recipe, sets, drawn = spec.recipe, self._job.task.sets, self._drawn(number)
        weights = [class_weights(data, splits.train, splits.labels) for data, splits in zip(sets, drawn, strict=True)]
        losses = [ClassLoss(tuple(of_set.values()), recipe.label_smoothing) for of_set in weights]
        labels = [splits.labels for splits in drawn]
        return build_task(self._job.task, labels, spec.head, losses=losses, faithful=recipe.faithful)

    def _drawn(self, number: int | None) -> Sequence[Splits]:
        """The data sets as trials of few-shot draw, or without fold, `number` see them; None is all of their data."""
        if number is None:
            return self._splits
        if number not in self._draws:
            seed, sets = self._job.drawing_seed, self._job.task.sets
            self._draws[number] = [
                splits.draw(data, seed, number) for data, splits in zip(sets, self._splits, strict=True)
            ]
        return self._draws[number]

    def _encode(self, spec: TrialSpec, number: int | None) -> _Encoded:
        """Training and dev data as this configuration's trials see them, laid out as they are."""
        prompt = spec.prompt
        key = (input_template(prompt), input_length(prompt), spec.head, number, spec.recipe.faithful)
        if key not in self._encoded:
            self._encoded[key] = self._encode_anew(spec, number)
            if len(self._encoded) > max(_MOST_ENCODINGS, self._job.resources.slots):
                self._encoded.popitem(last=False)
        self._encoded.move_to_end(key)
        return self._encoded[key]

    def _encode_anew(self, spec: TrialSpec, number: int | None) -> _Encoded:
        job, backbone = self._job, self._backbone
        task, drawn = self._task(spec, number), self._drawn(number)
        language = (spec.head or job.task.default_head) == "verbalizer"
        layouts = [lay_out(spec.prompt, data, backbone, language=language) for data in job.task.sets]
        parts = list(zip(task.kinds, layouts, drawn, strict=True))
        train = [kind.encode(splits.train, layout, backbone, training=True) for kind, layout, splits in parts]
        dev = [kind.encode(splits.dev, layout, backbone, training=False) for kind, layout, splits in parts]
        return _Encoded(layouts, Examples.joined(train), Examples.joined(dev), self._dev_parts(*parts[0]))

    def _dev_parts(self, kind: TaskKind, layout: Layout, drawn: Splits) -> list[DevPart]:
        """The parts of dev that early reports are scored on; only a task with one data set has any."""
        job = self._job
        sizes = part_sizes(job.budget, len(drawn.dev))
        parts = dev_parts(drawn.dev, [size for _, size in sizes], job.drawing_seed)
        return [
            DevPart(last, kind.encode(part, layout, self._backbone, training=False))
            for (last, _), part in zip(sizes, parts, strict=True)
        ]


def starting_tensors(artifact: Artifact, labels: Mapping[str, Sequence[str]]) -> dict[str, Tensor]:
    """The tensors of an artifact with which trials over some data sets start: its prompt, and heads that fit by name.

    From an artifact with a prompt for each data set, a data set takes the prompt of its own name.

    Args:
        artifact: the artifact to start from.
        labels: label names of each data set, by its name, in order. A head is taken where name and labels agree.
    """
    sources = {data_set.name: (index, data_set.labels) for index, data_set in enumerate(artifact.manifest.sets)}
    tensors = {name: tensor for name, tensor in artifact.tensors.items() if name == "prompt.0"}
    has_prompt_per_set = "prompt.1" in artifact.tensors
    for index, (name, names) in enumerate(labels.items()):
        if name not in sources:
            continue
        source, source_labels = sources[name]
        if has_prompt_per_set:
            tensors[f"prompt.{index}"] = artifact.tensors[f"prompt.{source}"]
        if source_labels == list(names):
            prefix = f"head.{source}."
            tensors |= {
                f"head.{index}.{key.removeprefix(prefix)}": tensor
                for key, tensor in artifact.tensors.items()
                if key.startswith(prefix)
            }
    return tensors
