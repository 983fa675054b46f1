"""Which model of transformers answers as a prompt's task does, and what its parts are called.

Shapes: Q positions · R positions read · C scores at each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ptune.artifacts.artifact import Manifest
from ptune.backbone.families import family_of
from ptune.errors import ArtifactError
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
    Tokens,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ptune.prompts.rows import Row

_OUT = ("classifier.out_proj", "classification_head.out_proj", "classifier", "score", "qa_outputs")
_DENSE = ("classifier.dense", "classification_head.dense", "pre_classifier", "pooler.dense")
"""What families call the output layer of a trained head, and the dense layer before it."""

_WORDS = {
    "first": ("AutoModelForMaskedLM", "FEATURE_EXTRACTION"),  # PEFT has no name for a masked language model
    "last": ("AutoModelForCausalLM", "CAUSAL_LM"),
    "decoder": ("AutoModelForSeq2SeqLM", "SEQ_2_SEQ_LM"),
}


Answer = Literal[
    "label", "labels", "number", "tags", "edges", "worth", "entity", "text", "likelihood", "word", "label words"
]
"""What becomes of a model's scores: the likeliest label, any labels, a number, tags of tokens, the edges of a span, a
candidate's worth, whether an entity is the answer. Of scores over the vocabulary: a written text, the likelihood of a
candidate's tokens, a word, words that stand for labels.
"""


@dataclass(frozen=True)
class Route:
    """A model of transformers.

    Attributes:
        model: the auto class that loads it.
        task: PEFT's name of such models.
        answer: what becomes of its scores.
        pipeline: the Hub's name of the task.
        labels: the outputs of its trained head; none for a language model.
        problem: what transformers calls the problem that its classifier solves; None leaves it to transformers.
        most_tokens: longest written text in tokens; 0 where none is written.
    """

    model: str
    task: str
    answer: Answer
    pipeline: str
    labels: tuple[str, ...] = ()
    problem: Literal["regression", "multi_label_classification"] | None = None
    most_tokens: int = 0

    @classmethod
    def of(cls, manifest: Manifest) -> Route:
        """The model for a prompt's task."""
        labels = tuple(manifest.sets[0].labels)
        model, task = (
            _language_model(manifest) if manifest.language else ("AutoModelForSequenceClassification", "SEQ_CLS")
        )
        match manifest.task:
            case Tokens():
                return cls("AutoModelForTokenClassification", "TOKEN_CLS", "tags", "token-classification", labels)
            case Span():
                edges = ("start", "end")
                return cls("AutoModelForQuestionAnswering", "QUESTION_ANS", "edges", "question-answering", edges)
            case Generation() as written:
                return cls(model, task, "text", "text-generation", most_tokens=written.data.max_target)
            case Cloze():
                return cls(model, task, "word", "fill-mask")
            case Choice() if manifest.language:
                return cls(model, task, "likelihood", "multiple-choice")
            case Infill():
                return cls(model, task, "likelihood", "fill-mask")
            case Choice():
                return cls(model, task, "worth", "multiple-choice", ("worth",))
            case Entity():
                return cls(model, task, "entity", "text-classification", labels)
            case Multilabel():
                return cls(model, task, "labels", "text-classification", labels, "multi_label_classification")
            case Regression():
                return cls(model, task, "number", "text-classification", ("value",), "regression")
            case Classification() if manifest.language:
                return cls(model, task, "label words", "text-classification")
            case _:
                return cls(model, task, "label", "text-classification", labels)

    @property
    def options(self) -> dict[str, int]:
        """Arguments of `from_pretrained` that a plain backbone needs."""
        return {} if not self.labels or self.task == "QUESTION_ANS" else {"num_labels": len(self.labels)}

    @property
    def settings(self) -> dict[str, object]:
        """The entries of a model's config that say what its trained head's outputs are."""
        if not self.labels:
            return {}
        named = {
            "id2label": {str(index): label for index, label in enumerate(self.labels)},
            "label2id": {label: index for index, label in enumerate(self.labels)},
        }
        return named if self.problem is None else {**named, "problem_type": self.problem}

    def load(self, place: str | Path, **options: Any) -> Any:
        """The model, as `from_pretrained` loads it, in float32 and without dropout."""
        import torch
        import transformers

        auto = getattr(transformers, self.model)
        with quiet():
            return auto.from_pretrained(
                place, dtype=torch.float32, trust_remote_code=False, **self.options, **options
            ).eval()

    def head(self, place: str | Path, trained: Mapping[str, Tensor]) -> tuple[dict[str, str], dict[str, Tensor]]:
        """Where the tensors of a trained head belong in the model.

        Args:
            place: the backbone.
            trained: the tensors of the head.

        Returns:
            From their names to the model's, and zeros, by the model's names, for biases that its head has beyond them.

        Raises:
            ArtifactError: transformers has no such model of this family, or its head is built otherwise.
        """
        import torch

        if not trained:
            return {}, {}
        shapes = self._shapes(place)
        parts = {"out": _OUT, "dense": _DENSE}
        names: dict[str, str] = {}
        for ours, tensor in trained.items():
            part, _, kind = ours.removeprefix("head.0.").partition(".")
            candidates = [f"{module}.{kind}" for module in parts[part]]
            name = next((name for name in candidates if shapes.get(name) == tensor.shape), None)
            if name is None:
                raise ArtifactError(
                    f"the head of transformers' {self.model} has no place for the trained layer {ours!r} of shape "
                    f"{list(tensor.shape)}"
                )
            names[ours] = name
        biases = {name.removesuffix("weight") + "bias" for name in names.values() if name.endswith(".weight")}
        return names, {name: torch.zeros(shapes[name]) for name in sorted(biases & shapes.keys() - set(names.values()))}

    def scores(self, output: Any, row: Row) -> Tensor:
        """The scores [R, C] of a row among a model's outputs for it alone, at the positions that are read."""
        import torch

        if self.task == "QUESTION_ANS":
            logits_QC = torch.stack([output.start_logits[0], output.end_logits[0]], dim=1)
        elif self.task == "SEQ_CLS":
            return torch.as_tensor(output.logits)
        else:
            logits_QC = output.logits[0]
        return torch.as_tensor(logits_QC)[list(row.reads)]

    def _shapes(self, place: str | Path) -> dict[str, torch.Size]:
        """The shapes of the model's weights by name."""
        import torch
        import transformers

        config = transformers.AutoConfig.from_pretrained(place, trust_remote_code=False, **self.options)
        try:
            with torch.device("meta"), quiet():
                model = getattr(transformers, self.model).from_config(config)
        except ValueError:
            raise ArtifactError(f"transformers has no {self.model} of the family {config.model_type}") from None
        return {name: tensor.shape for name, tensor in model.state_dict().items()}


def _language_model(manifest: Manifest) -> tuple[str, str]:
    """The auto class of a language model, and PEFT's name of such models."""
    reads = family_of(manifest.backbone.model_type, manifest.backbone.id).reads
    return _WORDS[reads]


class quiet:  # noqa: N801 - used as a function
    """Keep transformers from telling that a head is new: the prompt brings its weights."""

    def __init__(self) -> None:
        import transformers

        self._transformers = transformers

    def __enter__(self) -> None:
        """Hold the messages back."""
        self._level = self._transformers.logging.get_verbosity()
        self._bar = self._transformers.utils.logging.is_progress_bar_enabled()
        self._transformers.logging.set_verbosity_error()
        self._transformers.utils.logging.disable_progress_bar()

    def __exit__(self, *_: object) -> None:
        """Let later ones through."""
        self._transformers.logging.set_verbosity(self._level)
        if self._bar:
            self._transformers.utils.logging.enable_progress_bar()
