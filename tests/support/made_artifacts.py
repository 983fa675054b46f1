"""Artifacts made from a backbone, as a search would leave them: a random prompt with an effect worth measuring."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ptune.artifacts.artifact import Artifact, Training, describe
from ptune.artifacts.export import write_export
from ptune.artifacts.formats.format import Export
from ptune.artifacts.formats.registry import BY_NAME
from ptune.artifacts.origin import Origin
from ptune.artifacts.predict import Predictor
from ptune.backbone.backbone import Backbone
from ptune.prompts.build import build_learner
from ptune.spec.data import (
    ChoiceData,
    ClassificationData,
    ClozeData,
    EntityData,
    GenerationData,
    InfillData,
    MultilabelData,
    RegressionData,
    SpanData,
    TokensData,
)
from ptune.spec.task import (
    Choice,
    Classification,
    Cloze,
    Entity,
    Generation,
    Infill,
    Multilabel,
    Regression,
    Span,
    Task,
    Tokens,
)
from ptune.spec.trial import TrialSpec
from ptune.tasks.build import build_task, lay_out

PAIR = ["premise", "hypothesis"]


def learned(
    task: Task,
    labels: Sequence[Sequence[str]],
    backbone: Backbone,
    spec: TrialSpec,
    *,
    strength: Callable[[str, Tensor], float] = lambda *_: 0.5,
    drawn: int = 4,
    **about: Any,
) -> Artifact:
    """An artifact of a task, its tensors drawn large enough to move every score.

    Args:
        task: the task.
        labels: of each data set.
        backbone: the backbone.
        spec: the trial.
        strength: of what is added to a tensor, by its name and what an untrained learner has there.
        drawn: seed of the tensors; prompts of different seeds answer differently.
        about: what else the manifest says, as `describe` takes it.
    """
    origin = Origin.of(backbone, revision=None)
    manifest = describe(spec, task, origin, labels=labels, versions={"ptune": "0.1.0"}, **about)
    kinds = build_task(task, labels, manifest.head).kinds
    layouts = [lay_out(manifest.prompt, data, backbone, language=manifest.language) for data in task.sets]
    heads = [kind.head_spec(layout) for kind, layout in zip(kinds, layouts, strict=True)]
    prompts = len(task.sets) if task.prompts_by_set else 1
    learner = build_learner(spec.prompt, backbone, heads, seed=3, recipe=spec.recipe, prompts=prompts)
    generator = torch.Generator().manual_seed(drawn)
    tensors = {
        name: tensor + strength(name, tensor) * torch.randn(tensor.shape, generator=generator)
        for name, tensor in learner.collapsed().items()
    }
    artifact = Artifact(manifest, tensors)
    return artifact.deciding([[0.5] * len(own.labels) for own in manifest.sets]) if task.decides else artifact


def make_artifact(backbone: Backbone, fields=("text",), labels=("no", "yes"), max_length=32, **config) -> Artifact:
    """A classifier for `config`."""
    data = ClassificationData(source="made", text=list(fields), labels=list(labels), max_length=max_length)
    spec = TrialSpec.from_config(config)
    return learned(
        Classification(data=data),
        [list(labels)],
        backbone,
        spec,
        scores={"dev": {"accuracy": 0.75}},
        search="made",
        trial=7,
        seed=11,
    )


def scores_of(predictor: Predictor, texts: Sequence[tuple[str, ...]], token_budget: int = 8_192) -> torch.Tensor:
    """Class scores [texts, labels], from which `predict` makes probabilities."""
    examples = predictor.asked(texts).examples
    return torch.as_tensor(
        np.stack(predictor.task.predict(predictor.backbone, predictor.learner, examples, token_budget))
    )


def write_native(folder: Path, artifact: Artifact) -> None:
    """Write an artifact as a search does."""
    write_export(BY_NAME["native"], Export(artifact, folder))


def write_peft(folder: Path, artifact: Artifact) -> None:
    """Write an artifact for PEFT."""
    write_export(BY_NAME["peft"], Export(artifact, folder))


TASKS: dict[str, Task] = {
    "classification": Classification(data=ClassificationData(source="made", labels=["a", "b", "c"], max_length=32)),
    "pairs": Classification(data=ClassificationData(source="made", text=PAIR, labels=["a", "b"], max_length=32)),
    "words": Classification(
        data=ClassificationData(
            source="made",
            labels=["no", "yes"],
            template="{text} It was [MASK]",
            verbalizer={"no": "cold", "yes": ["warm", "sweet"]},
            max_length=32,
        )
    ),
    "multilabel": Multilabel(
        kind="multilabel", data=MultilabelData(source="made", labels=["a", "b", "c"], max_length=32)
    ),
    "regression": Regression(kind="regression", data=RegressionData(source="made", text=PAIR, max_length=32)),
    "tokens": Tokens(kind="tokens", data=TokensData(source="made", max_length=32)),
    "span": Span(kind="span", data=SpanData(source="made", max_length=32, stride=4, max_answer=4)),
    "choice": Choice(kind="choice", data=ChoiceData(source="made", text=["premise"], max_length=32)),
    "choice words": Choice(
        kind="choice",
        head="verbalizer",
        data=ChoiceData(source="made", text=["premise"], template="{premise} so {choice}", max_length=32),
    ),
    "entity": Entity(kind="entity", data=EntityData(source="made", max_length=32)),
    "infill": Infill(
        kind="infill",
        data=InfillData(source="made", text=["text"], span="noun", template="{text} so {noun} .", max_length=32),
    ),
    "cloze": Cloze(kind="cloze", data=ClozeData(source="made", template="{sub_label} is [MASK]", max_length=24)),
    "generation": Generation(kind="generation", data=GenerationData(source="made", max_length=24, max_target=6)),
}
"""A task of each kind, and of each head."""
LABELS = {
    "tokens": ["O", "B-x", "I-x"],
    "span": ["unanswerable"],
    "choice": ["choice1", "choice2"],
    "entity": ["other", "answer"],
    "infill": ["false", "true"],
    "cloze": ["red", "green", "cold"],
}


def make_task_artifact(kind: str, backbone: Backbone, **config) -> Artifact:
    """An artifact for a key of `TASKS`, its tensors drawn large enough to move every score."""
    task = TASKS[kind]
    head = "verbalizer" if kind in ("words", "choice words", "infill", "cloze", "generation") else "linear"
    spec = TrialSpec.from_config({**config, "head": head} if len(task.heads) > 1 else config)
    labels = getattr(task.sets[0], "labels", None) or LABELS.get(kind.split(maxsplit=1)[0], [])
    return learned(
        task,
        [list(labels)],
        backbone,
        spec,
        strength=lambda name, tensor: 0.5 if tensor.dim() > 1 and "backbone" not in name else 0.05,
        scores={"dev": {task.metric: 0.75}},
        search="made",
        trial=7,
        seed=11,
        training=Training(epochs=3, seconds=1.5, parameters=99, trials=4, examples={"train": 40, "dev": 8}),
    )
