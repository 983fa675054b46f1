"""Artifacts made from a backbone, as a search would leave them: a random prompt with an effect worth measuring."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ptune.artifacts.artifact import Artifact, Origin, Training, describe
from ptune.artifacts.export import write_export
from ptune.artifacts.formats.format import Export
from ptune.artifacts.formats.registry import BY_NAME
from ptune.artifacts.predict import Predictor
from ptune.backbone.backbone import Backbone
from ptune.prompts.build import build_learner
from ptune.prompts.heads import Linear
from ptune.spec.data import ChoiceData, ClassificationData, ClozeData, GenerationData, SpanData, TokensData
from ptune.spec.task import Choice, Classification, Cloze, Generation, Span, Task, Tokens
from ptune.spec.trial import TrialSpec
from ptune.tasks.build import build_task, lay_out

PAIR = ["premise", "hypothesis"]


def make_artifact(backbone: Backbone, fields=("text",), labels=("no", "yes"), max_length=32, **config) -> Artifact:
    """An artifact for `config`, its tensors drawn large enough to move every score."""
    spec = TrialSpec.from_config(config)
    learner = build_learner(spec.prompt, backbone, [Linear(len(labels), pooled=True)], seed=3, recipe=spec.recipe)
    data = ClassificationData(source="made", text=list(fields), labels=list(labels), max_length=max_length)
    generator = torch.Generator().manual_seed(4)
    tensors = {
        name: tensor + 0.5 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in learner.collapsed().items()
    }
    manifest = describe(
        spec,
        Classification(data=data),
        Origin.of(backbone, revision=None),
        labels=[labels],
        versions={"ptune": "0.1.0"},
        scores={"dev": {"accuracy": 0.75}},
        search="made",
        trial=7,
        seed=11,
    )
    return Artifact(manifest, tensors)


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
    "tokens": Tokens(kind="tokens", data=TokensData(source="made", max_length=32)),
    "span": Span(kind="span", data=SpanData(source="made", max_length=32, stride=4, max_answer=4)),
    "choice": Choice(kind="choice", data=ChoiceData(source="made", text=["premise"], max_length=32)),
    "choice words": Choice(
        kind="choice",
        head="verbalizer",
        data=ChoiceData(source="made", text=["premise"], template="{premise} so {choice}", max_length=32),
    ),
    "cloze": Cloze(kind="cloze", data=ClozeData(source="made", template="{sub_label} is [MASK]", max_length=24)),
    "generation": Generation(kind="generation", data=GenerationData(source="made", max_length=24, max_target=6)),
}
"""A task of each kind, and of each head."""
LABELS = {"tokens": ["O", "B-x", "I-x"], "span": ["unanswerable"], "choice": ["choice1", "choice2"]}


def make_task_artifact(kind: str, backbone: Backbone, **config) -> Artifact:
    """An artifact for a key of `TASKS`, its tensors drawn large enough to move every score."""
    task = TASKS[kind]
    head = "verbalizer" if kind in ("words", "choice words", "cloze", "generation") else "linear"
    spec = TrialSpec.from_config({**config, "head": head} if len(task.heads) > 1 else config)
    data = task.sets[0]
    labels = getattr(data, "labels", None) or LABELS.get(kind.split(maxsplit=1)[0], [])
    manifest = describe(
        spec,
        task,
        Origin.of(backbone, revision=None),
        labels=[list(labels)] if kind != "cloze" else [["red", "green", "cold"]],
        versions={"ptune": "0.1.0"},
        scores={"dev": {task.metric: 0.75}},
        search="made",
        trial=7,
        seed=11,
        training=Training(epochs=3, seconds=1.5, parameters=99, trials=4, examples={"train": 40, "dev": 8}),
    )
    kinds = build_task(task, [manifest.sets[0].labels], manifest.head).kinds
    layout = lay_out(manifest.prompt, data, backbone, language=manifest.language)
    learner = build_learner(spec.prompt, backbone, [kinds[0].head_spec(layout)], seed=3, recipe=spec.recipe)
    generator = torch.Generator().manual_seed(4)
    tensors = {
        name: tensor
        + (0.5 if tensor.dim() > 1 and "backbone" not in name else 0.05)
        * torch.randn(tensor.shape, generator=generator)
        for name, tensor in learner.collapsed().items()
    }
    return Artifact(manifest, tensors)
