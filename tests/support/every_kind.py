"""A small artifact and a few inputs for every kind of task, on tiny backbones."""

from dataclasses import dataclass

import torch

from ptune.artifacts.artifact import Artifact, Origin, describe
from ptune.backbone.backbone import Backbone
from ptune.prompts.build import build_learner
from ptune.spec.data import ChoiceData, ClassificationData, ClozeData, GenerationData, SpanData, TokensData
from ptune.spec.task import Choice, Classification, Cloze, Generation, Span, Task, Tokens
from ptune.spec.trial import TrialSpec
from ptune.tasks.build import build_task, lay_out
from support.made_artifacts import PAIR

WORDY = "a bitter, loud, long and plain afternoon"


@dataclass(frozen=True)
class Sample:
    """One kind of task.

    Attributes:
        family: of a backbone that can answer it.
        words: whether the backbone's language head answers.
        labels: what the head's outputs are called.
        rows: inputs, with a text for each name.
        keys: what an answer holds.
    """

    family: str
    task: Task
    labels: list[str]
    rows: list[tuple[str, ...]]
    keys: list[str]
    words: bool = False


def _limits(**options):
    return {"source": "made", "max_length": 32, **options}


SAMPLES = {
    "classification": Sample(
        "bert",
        Classification(data=ClassificationData(**_limits(labels=["no", "yes"]))),
        ["no", "yes"],
        [("red green blue",), ("cold",), (WORDY,)],
        ["label", "probabilities"],
    ),
    "pairs": Sample(
        "bert",
        Classification(data=ClassificationData(**_limits(text=PAIR, labels=["a", "b", "c"]))),
        ["a", "b", "c"],
        [("red green", "cold"), (WORDY, "warm and new"), ("old", "old")],
        ["label", "probabilities"],
    ),
    "choice": Sample(
        "bert",
        Choice(kind="choice", data=ChoiceData(**_limits(text=["premise"]))),
        ["choice1", "choice2"],
        [("red", "green blue", "cold"), (WORDY, "warm", "loud and quiet"), ("old", "new", "flat")],
        ["choice", "text", "probabilities"],
    ),
    "tokens": Sample(
        "bert",
        Tokens(kind="tokens", data=TokensData(**_limits())),
        ["O", "B-col", "I-col"],
        [("red green blue",), ("cold",), (WORDY,)],
        ["words", "tags", "entities"],
    ),
    "span": Sample(
        "bert",
        Span(kind="span", data=SpanData(**_limits(stride=6, max_answer=4))),
        ["answerable"],
        [("which word", "red green blue cold warm"), ("which", WORDY), ("what is old", "new and flat " * 12)],
        ["answer", "score", "no_answer_score"],
    ),
    "cloze": Sample(
        "bert",
        Cloze(kind="cloze", data=ClozeData(**_limits(template="{sub_label} is [MASK]"))),
        ["red", "green", "cold", "warm", "loud", "old", "new"],
        [("red green",), ("cold",), ("bitter and loud",)],
        ["object", "probabilities"],
        words=True,
    ),
    "generation": Sample(
        "gpt2",
        Generation(kind="generation", data=GenerationData(**_limits(max_target=5))),
        [],
        [("red green blue",), ("cold",), (WORDY,)],
        ["text"],
        words=True,
    ),
}


def sample_artifact(kind: str, backbone: Backbone, seed: int = 4, **config) -> Artifact:
    """An artifact of a kind; prompts of different seeds answer differently."""
    sample = SAMPLES[kind]
    spec = TrialSpec.from_config(config or {"method": "v2", "length": 3})
    task = build_task(sample.task, [sample.labels])
    layout = lay_out(spec.prompt, sample.task.data, backbone, language=sample.words)
    learner = build_learner(spec.prompt, backbone, [task.kinds[0].head_spec(layout)], seed=3, recipe=spec.recipe)
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        name: tensor + 0.7 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in learner.collapsed().items()
    }
    manifest = describe(
        spec,
        sample.task,
        Origin.of(backbone, revision=None),
        labels=[sample.labels],
        versions={"ptune": "0.1.0"},
        scores={"dev": {}},
        search=kind,
        trial=seed,
        seed=11,
    )
    return Artifact(manifest, tensors)
