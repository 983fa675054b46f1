"""Multiple choice: each candidate has a row and a score, from a trained head or from the language head itself.

The language head scores a candidate by the mean log-probability of its tokens. A masked language model names them all
at once, at as many masks ("GPT Understands, Too", section 4.2, COPA; the paper's code fills masks one after another at
evaluation, the surest first, where this reads them in the same single pass as in training). A causal one reads the
candidate left to right.

Shapes: B examples · N candidates · R tokens of all candidates · V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ptune.backbone.backbone import Backbone
from ptune.data.sources import Split
from ptune.data.templates import Example, Layout
from ptune.errors import DataError, SpecError
from ptune.prompts.forward import HeadOutput
from ptune.prompts.heads import HeadSpec, Linear, Vocabulary
from ptune.prompts.layout import read_position
from ptune.prompts.rows import Examples, Row
from ptune.tasks.class_loss import PLAIN, ClassLoss
from ptune.tasks.kind import Prediction

CandidateTokens = tuple[int, ...]


@dataclass(frozen=True)
class ChoiceKind:
    """Candidates for one data set's inputs.

    Attributes:
        shared: names of the texts that all candidates share, in the order of the layout's fields; the candidate
            is the field behind them.
        choices: names of the candidates, in order.
        margin: what training minimises.
        words: whether the language head scores candidates; else a trained head does.
        trained_by: what the softmax over the candidates minimises.
    """

    shared: list[str]
    choices: list[str]
    margin: Literal["softmax", "hinge"] = "softmax"
    words: bool = False
    trained_by: ClassLoss = PLAIN

    @property
    def inputs(self) -> list[str]:
        """The shared texts, then the candidates that are not among them."""
        return list(dict.fromkeys([*self.shared, *self.choices]))

    def head_spec(self, layout: Layout) -> HeadSpec:
        """A score for each candidate, or the whole vocabulary.

        Raises:
            SpecError: the template holds a [MASK] for the language head.
        """
        if not self.words:
            return Linear(1, pooled=True)
        if layout.masks:
            raise SpecError(
                "the template of a multiple choice holds {choice} where the language head scores a candidate's own "
                "words, and no [MASK]"
            )
        return Vocabulary()

    def encode(self, split: Split, layout: Layout, backbone: Backbone, *, training: bool) -> Examples:  # noqa: ARG002
        """A row for each candidate, in order.

        Raises:
            DataError: a candidate is too long, or has no token.
        """
        names, count = self.inputs, len(self.choices)
        named = [dict(zip(names, texts, strict=True)) for texts in split.texts]
        flat = [(*(texts[name] for name in self.shared), texts[choice]) for texts in named for choice in self.choices]
        if not self.words:
            rows = [Row.of(item, (read_position(item, backbone),)) for item in layout.encode_all(flat)]
            return Examples.of(split, [rows[start : start + count] for start in range(0, len(rows), count)])
        columns = [layout.tokens(field, texts) for field, texts in enumerate(zip(*flat, strict=True))]
        worded = [self._worded(texts, layout, backbone) for texts in zip(*columns, strict=True)]
        candidates = [worded[start : start + count] for start in range(0, len(worded), count)]
        tokens = [tuple(tokens for _, tokens in pairs) for pairs in candidates]
        return Examples.of(split, [[row for row, _ in pairs] for pairs in candidates], task_info=tokens)

    def loss(self, output: HeadOutput) -> Tensor:
        """Softmax over the candidates, or the hinge, whose margin is 1; a scalar."""
        worth = self._worth(output)
        if self.margin == "softmax":
            return self.trained_by.of(worth, output.labels)
        return self._loss(worth, torch.tensor(output.labels, device=worth.device))

    def answer(self, output: HeadOutput) -> Sequence[np.ndarray]:
        """The scores [N] of each example's candidates."""
        return list(self._worth(output).float().cpu().numpy())

    def measure(self, answers: Sequence[Any], examples: Examples) -> dict[str, float]:
        """Accuracy, and two numbers that put it into proportion.

        `majority_baseline` is the accuracy of always choosing the candidate at the most frequent place,
        `constant_prediction` is 1.0 when the candidate at the same place is always chosen.
        """
        scores, labels = np.stack(answers), np.array(examples.labels)
        predicted = scores.argmax(axis=1)
        return {
            "loss": float(self._loss(torch.as_tensor(scores), torch.as_tensor(labels))),
            "accuracy": float((predicted == labels).mean()),
            "majority_baseline": float(np.bincount(labels).max() / len(labels)),
            "constant_prediction": float(len(np.unique(predicted)) == 1),
        }

    def texts(self, strings: Sequence[str]) -> tuple[str, ...]:
        """The texts as they are."""
        return tuple(strings)

    def present(self, answer: Any, texts: tuple[Any, ...]) -> Prediction:
        """The chosen candidate's name and text, and every candidate's probability; they sum to 1."""
        shares = torch.softmax(torch.as_tensor(answer).double(), dim=0).tolist()
        probabilities = dict(zip(self.choices, shares, strict=True))
        chosen = max(probabilities, key=probabilities.__getitem__)
        return {"choice": chosen, "text": texts[self.inputs.index(chosen)], "probabilities": probabilities}

    def _worded(self, texts: Sequence[list[int]], layout: Layout, backbone: Backbone) -> tuple[Row, CandidateTokens]:
        """A row at whose reads the language head names the candidate's tokens, and those tokens."""
        *shared, choice = texts
        if not choice:
            raise DataError("a candidate has no token in this backbone's vocabulary")
        if backbone.family.reads == "last":
            item = layout.assemble(texts)
            start, end = self._choice_span(item)
            if start == 0:
                raise DataError(
                    "a causal model scores a candidate by what stands before it, and the template begins with "
                    "{choice}: write words, a text or [P] before it"
                )
            return Row.of(item, range(start - 1, end - 1)), tuple(choice)
        if backbone.mask_token is None:
            raise DataError(f"{backbone.id} scores words at masks, and its tokenizer has no mask token")
        item = layout.assemble([*shared, [backbone.mask_token] * len(choice)])
        return Row.of(item, range(*self._choice_span(item))), tuple(choice)

    def _choice_span(self, item: Example) -> tuple[int, int]:
        return item.spans[len(self.shared)]

    def _worth(self, output: HeadOutput) -> Tensor:
        """The scores [B, N] of the candidates."""
        count = len(self.choices)
        if not self.words:
            return output.scores.view(-1, count)
        scores_RV = output.scores
        candidates: list[CandidateTokens] = [tokens for example in output.task_info for tokens in example]
        tokens_R = torch.tensor([token for tokens in candidates for token in tokens], device=scores_RV.device)
        # The log-softmax at one token a read, without the [R, V] tensor that log_softmax would make.
        log_probabilities_R = scores_RV.gather(1, tokens_R[:, None])[:, 0] - scores_RV.logsumexp(dim=1)
        by_candidate = log_probabilities_R.split_with_sizes([len(tokens) for tokens in candidates])
        return torch.stack([tokens.mean() for tokens in by_candidate]).view(-1, count)

    def _loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """The loss of scores [B, N]; the hinge is the mean over the wrong candidates."""
        if self.margin == "softmax":
            return functional.cross_entropy(scores, labels)
        count = len(self.choices)
        return functional.multi_margin_loss(scores, labels) * count / (count - 1)
