"""A candidate is right if the language head writes it: WSC as "GPT Understands, Too" (section 4.2) and PET read it.

The candidate stands as masks, one for each of its tokens. Training raises the probability of right candidates alone. In
answering, the likeliest token is written into each mask, all in one pass, and words are compared. The papers' code
fills masks one after another, the surest first, and gives training up to three masks too many.

Shapes: R masks of all rows · V vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ptune.backbone.backbone import Backbone
from ptune.data.infills import RIGHT, WRONG
from ptune.data.sources import Split
from ptune.data.templates import Layout
from ptune.errors import DataError, SpecError
from ptune.prompts.forward import HeadOutput
from ptune.prompts.heads import HeadSpec, Vocabulary
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples, Row
from ptune.tasks.class_loss import PLAIN, ClassLoss
from ptune.tasks.kind import Prediction

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class InfillAnswer:
    """What the language head writes in the place of a candidate.

    Attributes:
        tokens: the likeliest token at each mask.
        loss: negative log-likelihood of the candidate's tokens, summed.
        text: the tokens as a text.
        fits: whether it says what the candidate says.
    """

    tokens: Sequence[int]
    loss: float
    text: str = ""
    fits: bool = False


@dataclass(frozen=True)
class InfillKind:
    """Candidates in texts.

    Attributes:
        inputs: names of the texts, then of the candidate.
        trained_by: what training minimises over the candidates' tokens.
    """

    inputs: list[str]
    trained_by: ClassLoss = PLAIN

    def head_spec(self, layout: Layout) -> HeadSpec:
        """The whole vocabulary.

        Raises:
            SpecError: the template has a [MASK], or the candidate is one of the texts.
        """
        *texts, span = self.inputs
        if span in texts:
            raise SpecError(f"span must name another column than text, got span = {span!r}, text = {texts}")
        if layout.masks:
            raise SpecError(f"the masks stand in the place of {{{span}}}: leave [MASK] out of the template")
        return Vocabulary()

    def encode(self, split: Split, layout: Layout, backbone: Backbone, *, training: bool) -> Examples:
        """A row for each candidate, or in training for each right one; an example's info is the candidate's tokens.

        Raises:
            DataError: no candidate is right in training, one is too long or has no token, or there is no mask.
        """
        split = split.pick([row for row, label in enumerate(split.labels) if label]) if training else split
        if not len(split):
            raise DataError(f"{split.source}: no candidate is right, and only right ones are written")
        mask = backbone.mask_token
        if mask is None:
            raise DataError(f"{backbone.id} writes words in the place of masks, and its tokenizer has no mask token")
        columns = [layout.tokens(field, texts) for field, texts in enumerate(zip(*split.texts, strict=True))]
        rows: list[list[Row]] = []
        for *texts, candidate in zip(*columns, strict=True):
            if not candidate:
                raise DataError("a candidate has no token in this backbone's vocabulary")
            item = layout.assemble([*texts, [mask] * len(candidate)])
            rows.append([Row.of(item, range(*item.spans[-1]))])
        return Examples.of(split, rows, task_info=columns[-1])

    def loss(self, output: HeadOutput) -> Tensor:
        """Cross-entropy of the candidates' tokens in the whole vocabulary."""
        return self.trained_by.of(output.scores, [token for tokens in output.task_info for token in tokens])

    def weights(self, examples: Examples) -> np.ndarray:
        """The number of tokens of each candidate."""
        return np.array([len(tokens) for tokens in examples.task_info], dtype=float)

    def answer(self, output: HeadOutput) -> Sequence[InfillAnswer]:
        """The likeliest tokens, and the loss of each candidate; nothing is compared yet."""
        answers = []
        for scores_RV, tokens in zip(output.by_example(), output.task_info, strict=True):
            targets = torch.tensor(tokens, device=scores_RV.device)
            loss = functional.cross_entropy(scores_RV, targets, reduction="sum")
            answers.append(InfillAnswer(scores_RV.argmax(dim=-1).tolist(), float(loss)))
        return answers

    def decode(
        self, backbone: Backbone, learner: Learner, examples: Examples, answers: Sequence[Any], token_budget: int
    ) -> list[InfillAnswer]:
        """The answers as texts, compared with the candidates."""
        del learner, token_budget  # the tokens are chosen already
        texts = [_decoded(backbone, answer.tokens) for answer in answers]
        candidates = [_decoded(backbone, tokens) for tokens in examples.task_info]
        return [
            replace(answer, text=text, fits=_says(text, candidate))
            for answer, text, candidate in zip(answers, texts, candidates, strict=True)
        ]

    def measure(self, answers: Sequence[Any], examples: Examples) -> dict[str, float]:
        """Accuracy, the loss of a token of the right candidates, and two numbers that put them into proportion.

        `majority_baseline` is the share of the more frequent label, `constant_prediction` is 1.0 when every candidate
        gets the same label. Where no candidate is right, the loss is that of all.
        """
        labels = np.array(examples.labels, dtype=bool)
        predicted = np.array([answer.fits for answer in answers])
        losses, counts = np.array([answer.loss for answer in answers]), self.weights(examples)
        kept = labels if labels.any() else ~labels
        return {
            "loss": float(losses[kept].sum() / counts[kept].sum()),
            "accuracy": float((predicted == labels).mean()),
            "majority_baseline": float(max(labels.mean(), 1 - labels.mean())),
            "constant_prediction": float(len(np.unique(predicted)) == 1),
        }

    def texts(self, strings: Sequence[str]) -> tuple[str, ...]:
        """The texts as they are."""
        return tuple(strings)

    def present(self, answer: Any, texts: tuple[Any, ...]) -> Prediction:  # noqa: ARG002
        """Whether the candidate is right, and what the language head writes in its place."""
        return {"label": RIGHT if answer.fits else WRONG, "text": answer.text}


def _decoded(backbone: Backbone, tokens: Sequence[int]) -> str:
    text: str = backbone.tokenizer.decode(tokens, skip_special_tokens=True)
    return text.strip()


def _says(text: str, candidate: str) -> bool:
    """Whether one of two texts has all words of the other, as in T5 (Raffel et al. 2020); case does not count."""
    said, wanted = set(_WORD.findall(text.lower())), set(_WORD.findall(candidate.lower()))
    return bool(said and wanted) and (said <= wanted or wanted <= said)
