"""Token classification: a tag for each word of a sentence, read at the word's first sub-word token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ptune.backbone.backbone import Backbone
from ptune.data.sources import Split
from ptune.data.templates import Layout
from ptune.prompts.forward import HeadOutput
from ptune.prompts.heads import HeadSpec, Linear
from ptune.prompts.rows import Examples, Row
from ptune.tasks.class_loss import PLAIN, ClassLoss
from ptune.tasks.kind import Prediction

OUTSIDE = "O"


@dataclass(frozen=True)
class TokensAnswer:
    """The tags of one sentence, computed from its scores.

    Attributes:
        words: numbers of the words that were read, ascending; others were cut off, or no token stands for them.
        tags: the tag of each of them.
        loss: their cross-entropies, summed; 0 where the tags are not known.
    """

    words: Sequence[int]
    tags: np.ndarray
    loss: float


@dataclass(frozen=True)
class TokensKind:
    """Tags of one data set.

    A sentence is a list of words. Each is tokenised as it stands behind the one before, and read at its first token.
    Words beyond `max_length` are not read. Training leaves them out. An answer tags them `O`, so an entity among them
    counts as missed. The sentence loses words only while it is the longest of the input's texts.

    Attributes:
        inputs: names of the texts: the sentence, then further texts.
        labels: tags in the order of the head's outputs.
        trained_by: what training minimises.
    """

    inputs: list[str]
    labels: Sequence[str]
    trained_by: ClassLoss = PLAIN

    def head_spec(self, layout: Layout) -> HeadSpec:  # noqa: ARG002
        """A class for each tag."""
        return Linear(len(self.labels))

    def encode(self, split: Split, layout: Layout, backbone: Backbone, *, training: bool) -> Examples:  # noqa: ARG002
        """One row for each sentence, read at the first token of every word; `task_info` says which words those are."""
        sentences = _tokenised([row[0] for row in split.texts], layout)
        further = [layout.tokens(field, [row[field] for row in split.texts]) for field in range(1, len(self.inputs))]
        rows, read = [], []
        for number, words in enumerate(sentences):
            item = layout.assemble(
                [[token for word in words for token in word], *(column[number] for column in further)]
            )
            positions = _first_tokens(words, item.spans[0], keeps_end=layout.keeps_end)
            rows.append([Row.of(item, tuple(positions.values()))])
            read.append(tuple(positions))
        return Examples.of(split, rows, task_info=read)

    def loss(self, output: HeadOutput) -> Tensor:
        """Mean cross-entropy over the tags of all words that are read."""
        return self.trained_by.of(output.scores, _tags_read(output.labels, output.task_info))

    def weights(self, examples: Examples) -> np.ndarray:
        """The weights of the tags of each sentence's words that are read, summed."""
        pairs = zip(examples.labels, examples.task_info, strict=True)
        return np.array([self.trained_by.counts(_tags_read([tags], [read])).sum() for tags, read in pairs])

    def answer(self, output: HeadOutput) -> Sequence[TokensAnswer]:
        """The tags of each sentence's words."""
        tags = output.scores.argmax(dim=1).cpu().split_with_sizes(output.reads)
        losses = [0.0] * len(tags)
        if None not in output.labels:
            losses = [float(word_losses.sum()) for word_losses in _losses(output).split_with_sizes(output.reads)]
        return [
            TokensAnswer(words, word_tags.numpy(), loss)
            for words, word_tags, loss in zip(output.task_info, tags, losses, strict=True)
        ]

    def measure(self, answers: Sequence[Any], examples: Examples) -> dict[str, float]:
        """Entity metrics of seqeval, micro-averaged. An entity is right if its type and both of its ends are.

        `accuracy` is the share of words with the right tag. `majority_baseline` is the F1 of giving every word the
        split's most frequent tag. It is 0 if that tag is `O`. `constant_prediction` is 1.0 when every word read gets
        the same tag.
        """
        gold = [[self.labels[tag] for tag in tags] for tags in examples.labels]
        predicted = [self._named(answer, len(tags)) for answer, tags in zip(answers, gold, strict=True)]
        precision, recall, f1 = _entity_scores(gold, predicted)
        gold_tags = [tag for tags in gold for tag in tags]
        predicted_tags = [tag for tags in predicted for tag in tags]
        right = [tag == expected for tag, expected in zip(predicted_tags, gold_tags, strict=True)]
        names, counts = np.unique(gold_tags, return_counts=True)
        majority = str(names[counts.argmax()])
        read = np.concatenate([answer.tags for answer in answers])
        return {
            "loss": sum(answer.loss for answer in answers) / max(len(read), 1),
            "f1": f1,
            "precision": precision,
            "recall": recall,
            "accuracy": float(np.mean(right)),
            "majority_baseline": _entity_scores(gold, [[majority] * len(tags) for tags in gold])[2],
            "constant_prediction": float(len(np.unique(read)) <= 1),
        }

    def texts(self, strings: Sequence[str]) -> tuple[Any, ...]:
        """The sentence as its words, which white space separates, then the further texts."""
        return (strings[0].split(), *strings[1:])

    def present(self, answer: Any, texts: tuple[Any, ...]) -> Prediction:
        """Words, their tags, and entities with their type, words, and first and last word counted from 0."""
        from seqeval.metrics.sequence_labeling import get_entities

        words = list(texts[0])
        tags = self._named(answer, len(words))
        entities = [
            {"type": kind, "text": " ".join(words[start : end + 1]), "first": start, "last": end}
            for kind, start, end in get_entities(tags)
        ]
        return {"words": words, "tags": tags, "entities": entities}

    def _named(self, answer: TokensAnswer, words: int) -> list[str]:
        """A tag for every word of a sentence."""
        tags = [OUTSIDE] * words
        for word, tag in zip(answer.words, answer.tags.tolist(), strict=True):
            tags[word] = self.labels[tag]
        return tags


def _tokenised(sentences: Sequence[Sequence[str]], layout: Layout) -> list[list[list[int]]]:
    """Token ids of each word of each sentence, as it stands there."""
    first = sorted({words[0] for words in sentences if words})
    later = sorted({word for words in sentences for word in words[1:]})
    opening = dict(zip(first, layout.tokens(0, first), strict=True))
    behind = dict(zip(later, layout.tokens(0, later, follows=True), strict=True))
    return [[(behind if number else opening)[word] for number, word in enumerate(words)] for words in sentences]


def _first_tokens(words: Sequence[Sequence[int]], span: tuple[int, int], *, keeps_end: bool) -> dict[int, int]:
    """The input position of each word's first token, for words that have tokens and whose first was not cut off."""
    start, end = span
    *firsts, total = accumulate(map(len, words), initial=0)
    lost = total - (end - start) if keeps_end else 0
    positions = {word: start + first - lost for word, first in enumerate(firsts) if words[word]}
    return {word: position for word, position in positions.items() if start <= position < end}


def _tags_read(labels: Sequence[Sequence[int]], read: Sequence[Sequence[int]]) -> list[int]:
    """The tags of the words that are read, sentence by sentence."""
    return [tags[word] for tags, words in zip(labels, read, strict=True) for word in words]


def _losses(output: HeadOutput) -> Tensor:
    """The cross-entropy of each word read."""
    tags = _tags_read(output.labels, output.task_info)
    return functional.cross_entropy(
        output.scores, torch.tensor(tags, dtype=torch.long, device=output.scores.device), reduction="none"
    )


def _entity_scores(gold: list[list[str]], predicted: list[list[str]]) -> tuple[float, float, float]:
    """Micro precision, recall and F1 of entities."""
    # scikit-learn comes with it: a second, which searches of other kinds need not spend
    from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(gold, predicted, average="micro", zero_division=0)
    return float(precision), float(recall), float(f1)
