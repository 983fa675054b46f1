"""A small artifact and a few inputs for every kind of task, on tiny backbones."""

from dataclasses import dataclass

from ptune.artifacts.artifact import Artifact
from ptune.backbone.backbone import Backbone
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
from support.made_artifacts import PAIR, learned

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
    "multilabel": Sample(
        "bert",
        Multilabel(kind="multilabel", data=MultilabelData(**_limits())),
        ["old", "loud", "very new"],
        [("red green blue",), ("cold",), (WORDY,)],
        ["labels", "probabilities"],
    ),
    "regression": Sample(
        "bert",
        Regression(kind="regression", data=RegressionData(**_limits(text=PAIR))),
        [],
        [("red green", "cold"), (WORDY, "warm and new"), ("old", "old")],
        ["value"],
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
    "entity": Sample(
        "bert",
        Entity(kind="entity", data=EntityData(**_limits())),
        ["other", "answer"],
        [
            ("red and green", "@placeholder is cold", "red | green"),
            (WORDY, "it was @placeholder , @placeholder", "loud\nlong\nplain"),
            ("old", "new", "old"),
        ],
        ["answer", "probabilities"],
    ),
    "cloze": Sample(
        "bert",
        Cloze(kind="cloze", data=ClozeData(**_limits(template="{sub_label} is [MASK]"))),
        ["red", "green", "cold", "warm", "loud", "old", "new"],
        [("red green",), ("cold",), ("bitter and loud",)],
        ["object", "probabilities"],
        words=True,
    ),
    "infill": Sample(
        "bert",
        Infill(
            kind="infill",
            data=InfillData(**_limits(text=["text"], span="noun", template="{text} so {noun} .")),
        ),
        ["false", "true"],
        [("red green", "cold"), (WORDY, "old tepid"), ("old", "old")],
        ["label", "text"],
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
    return learned(
        sample.task,
        [sample.labels],
        backbone,
        TrialSpec.from_config(config or {"method": "v2", "length": 3}),
        strength=lambda *_: 0.7,
        drawn=seed,
        scores={"dev": {}},
        search=kind,
        trial=seed,
        seed=11,
    )
