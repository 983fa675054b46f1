"""Cloze: the language head names the object of a fact at [MASK], ranked among the words of a vocabulary.

LAMA's protocol (Petroni et al. 2019; "GPT Understands, Too", section 4.1): training maximises the object's probability
in the whole vocabulary, evaluation ranks the object among the words that may be answers.

Shapes: B examples · V vocabulary · K candidates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ptune.backbone.backbone import Backbone
from ptune.data.sources import Split
from ptune.data.templates import Layout
from ptune.errors import DataError, SpecError
from ptune.prompts.forward import HeadOutput
from ptune.prompts.heads import HeadSpec, Vocabulary
from ptune.prompts.rows import Examples, Row
from ptune.tasks.class_loss import PLAIN, ClassLoss
from ptune.tasks.kind import Prediction

SHOWN = 5
"""Best candidates that an answer keeps."""


@dataclass(frozen=True)
class Candidates:
    """The words that may be answers and are single tokens: K words, and their token ids [K], all different."""

    words: Sequence[str]
    tokens: Tensor


@dataclass(frozen=True)
class ClozeAnswer:
    """What the language head names for one fact.

    Attributes:
        best: the best candidates, best first.
        shares: their probabilities among all candidates.
        rank: the object's place among the candidates, from 1; None for a fact without one.
        loss: cross-entropy of the object in the whole vocabulary; None for a fact without one.
    """

    best: tuple[str, ...]
    shares: tuple[float, ...]
    rank: int | None
    loss: float | None


@dataclass(frozen=True)
class ClozeKind:
    """One relation's facts.

    Attributes:
        inputs: names of the subject's texts, in order.
        vocabulary: the words that may be answers.
        faithful: train causal models as the paper's code does, on the scores one position before those that are
            evaluated (it labels the last prompt token, and the language model shifts labels once more).
        trained_by: what training minimises.
    """

    inputs: list[str]
    vocabulary: Sequence[str]
    faithful: bool = False
    trained_by: ClassLoss = PLAIN

    def head_spec(self, layout: Layout) -> HeadSpec:
        """The whole vocabulary.

        Raises:
            SpecError: the template has not exactly one [MASK], or no word of the vocabulary is a single token there.
        """
        if layout.masks != 1:
            raise SpecError(
                f"cloze names one word, and the template has {layout.masks} [MASK]: write [MASK] once, where the "
                f'object goes (and head = "verbalizer", or none)'
            )
        if not self._tokens(layout):
            first = self.vocabulary[0]
            raise SpecError(f"no word of the vocabulary is a single token at [MASK]: {_not_single(first, layout)}")
        return Vocabulary()

    def encode(self, split: Split, layout: Layout, backbone: Backbone, *, training: bool) -> Examples:
        """One row for each fact whose object is a single token of the vocabulary; the others are left out.

        Raises:
            DataError: no fact is left.
        """
        tokens = self._tokens(layout)
        facts = [number for number, word in enumerate(split.labels) if word is None or word in tokens]
        if not facts:
            raise DataError(self._nothing_left(split, layout))
        one_early = self.faithful and training and backbone.family.reads == "last"
        items = layout.encode_all([split.texts[number] for number in facts])
        rows = [[Row.of(item, (max(item.masks[0] - one_early, 0),))] for item in items]
        words = [split.labels[number] for number in facts]
        labels = [None if word is None else tokens[word] for word in words]
        return Examples.of(split, rows, labels, [_candidates(tokens)] * len(facts))

    def loss(self, output: HeadOutput) -> Tensor:
        """Cross-entropy of the objects in the whole vocabulary."""
        return self.trained_by.of(output.scores, output.labels)

    def answer(self, output: HeadOutput) -> Sequence[ClozeAnswer]:
        """The best candidates for each fact, and where its object stands among them."""
        scores_BV, candidates = output.scores, output.task_info[0]
        scores_BK = scores_BV[:, candidates.tokens.to(scores_BV.device)]
        shares, best = scores_BK.softmax(dim=1).topk(min(SHOWN, scores_BK.shape[1]))
        words = [tuple(candidates.words[index] for index in row) for row in best.tolist()]
        ranks, losses = _ranks_and_losses(scores_BV, scores_BK, output.labels)
        return [ClozeAnswer(*values) for values in zip(words, map(tuple, shares.tolist()), ranks, losses, strict=True)]

    def measure(self, answers: Sequence[Any], examples: Examples) -> dict[str, float]:
        """Where objects stand among the candidates, and how good the answers would be without looking.

        `p_at_1` and `p_at_10` are the shares of objects named first, and among the first ten; `mrr` is the mean of
        1 / rank. `majority_baseline` is the share of the most frequent object, `constant_prediction` is 1.0 when every
        fact gets the same answer, `dropped` counts the split's facts that were left out. An object whose score other
        candidates equal stands behind them.
        """
        ranks = np.array([answer.rank for answer in answers])
        frequent = Counter(examples.labels).most_common(1)[0][1]
        return {
            "loss": float(np.mean([answer.loss for answer in answers])),
            "p_at_1": float((ranks == 1).mean()),
            "p_at_10": float((ranks <= 10).mean()),
            "mrr": float((1 / ranks).mean()),
            "majority_baseline": frequent / len(ranks),
            "constant_prediction": float(len({answer.best[0] for answer in answers}) == 1),
            "dropped": float(len(examples.splits[0]) - len(examples)),
        }

    def texts(self, strings: Sequence[str]) -> tuple[str, ...]:
        """The subject's texts as they are."""
        return tuple(strings)

    def present(self, answer: Any, texts: tuple[Any, ...]) -> Prediction:  # noqa: ARG002
        """The object named first, and the probabilities of the best candidates among all candidates."""
        return {"object": answer.best[0], "probabilities": dict(zip(answer.best, answer.shares, strict=True))}

    def _tokens(self, layout: Layout) -> dict[str, int]:
        """The token of each word of the vocabulary that is a single known token at [MASK]."""
        return layout.single_tokens(tuple(self.vocabulary))

    def _nothing_left(self, split: Split, layout: Layout) -> str:
        word = split.labels[0]
        in_vocabulary = word in self.vocabulary
        problem = (
            _not_single(word, layout)
            if in_vocabulary
            else f"{word!r} is not in the vocabulary of {len(self.vocabulary)} words"
        )
        return (
            f"{split.source}: none of {len(split)} facts is left, because no object is a single token of the "
            f"vocabulary: the first, {problem}"
        )


def _not_single(word: str, layout: Layout) -> str:
    """What a word that is not a single known token is instead."""
    ids = layout.word(word)
    problem = f"is {len(ids)} tokens" if len(ids) != 1 else "is unknown"
    return f"{word!r} {problem} in this backbone's vocabulary"


def _candidates(tokens: dict[str, int]) -> Candidates:
    """Candidates whose tokens differ; of words that are the same token, the first."""
    words: dict[int, str] = {}
    for word, token in tokens.items():
        words.setdefault(token, word)
    return Candidates(list(words.values()), torch.tensor(list(words)))


def _ranks_and_losses(
    scores_BV: Tensor, scores_BK: Tensor, labels: Sequence[int | None]
) -> tuple[list[Any], list[Any]]:
    """Ranks among the candidates, and losses, of the objects; None for facts without one."""
    tokens = [label for label in labels if label is not None]
    if not tokens:
        return [None] * len(labels), [None] * len(labels)
    objects_B = torch.tensor(tokens, device=scores_BV.device)
    object_scores_B1 = scores_BV.gather(1, objects_B[:, None])
    # The object counts itself, so ranks begin at 1; candidates with the same score stand before it.
    ranks: list[int] = (scores_BK >= object_scores_B1).sum(dim=1).tolist()
    losses: list[float] = functional.cross_entropy(scores_BV, objects_B, reduction="none").tolist()
    return ranks, losses
