"""Generation: a text written for each input, by a causal language model behind it or by an encoder-decoder.

The prompt trains on the likelihood of the target's tokens, given those before them. Metrics judge the text that the
model writes by itself, token by token, always the likeliest (greedy decoding).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ptune.backbone.backbone import Backbone
from ptune.data.sources import Split
from ptune.data.templates import Example, Layout
from ptune.errors import SpecError
from ptune.prompts.forward import HeadOutput
from ptune.prompts.greedy_decode import greedy_decode
from ptune.prompts.heads import HeadSpec, Vocabulary
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples, Row
from ptune.tasks.class_loss import PLAIN, ClassLoss
from ptune.tasks.kind import Prediction

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Score


@dataclass(frozen=True)
class GenerationAnswer:
    """What became of one example.

    Attributes:
        loss: negative log-likelihood of the target's tokens, summed.
        tokens: how many there are; 0 without a target.
        text: what the model wrote.
    """

    loss: float
    tokens: int
    text: str = ""


@dataclass(frozen=True)
class GenerationKind:
    """Texts to be written.

    Attributes:
        inputs: names of the texts of an input, in order.
        max_tokens: longest written text in tokens, its end included.
        trained_by: what training minimises.
    """

    inputs: list[str]
    max_tokens: int
    trained_by: ClassLoss = PLAIN

    def head_spec(self, layout: Layout) -> HeadSpec:
        """The whole vocabulary.

        Raises:
            SpecError: the template has a [MASK].
        """
        if layout.masks:
            raise SpecError("a generated text stands behind the whole input: leave [MASK] out of the template")
        return Vocabulary()

    def encode(self, split: Split, layout: Layout, backbone: Backbone, *, training: bool) -> Examples:  # noqa: ARG002
        """One row for each example, read where the target's tokens are foretold; the answers are those tokens.

        Raises:
            SpecError: the tokenizer has no token that ends a text.
        """
        items = layout.encode_all(split.texts)
        texts = [text or "" for text in split.labels]
        if backbone.family.reads == "decoder":
            lead, tokens = _decoder_targets(texts, backbone)
            targets = self._ended(split, tokens, backbone)
            rows = [_decoder_row(item, lead, target) for item, target in zip(items, targets, strict=True)]
        else:
            targets = self._ended(split, layout.behind(texts), backbone)
            rows = [_causal_row(item, layout.closing, target) for item, target in zip(items, targets, strict=True)]
        return Examples.of(split, [[row] for row in rows], targets)

    def loss(self, output: HeadOutput) -> Tensor:
        """Cross-entropy, the mean of all target tokens."""
        targets = [token for target in output.labels for token in target]
        return self.trained_by.of(output.scores, targets)

    def weights(self, examples: Examples) -> np.ndarray:
        """The number of tokens of each target."""
        return np.array([len(target) for target in examples.labels], dtype=float)

    def answer(self, output: HeadOutput) -> Sequence[GenerationAnswer]:
        """The loss of each example's target; the text is not written yet."""
        answers = []
        for scores, target in zip(output.by_example(), output.labels, strict=True):
            tokens = torch.tensor(target, dtype=torch.long, device=scores.device)
            loss = functional.cross_entropy(scores[: len(target)], tokens, reduction="sum")
            answers.append(GenerationAnswer(float(loss), len(target)))
        return answers

    def decode(
        self, backbone: Backbone, learner: Learner, examples: Examples, answers: Sequence[Any], token_budget: int
    ) -> list[GenerationAnswer]:
        """The answers with what the model writes for each example."""
        written = greedy_decode(backbone, learner, examples, self.max_tokens, _end(backbone), token_budget)
        texts = backbone.tokenizer.batch_decode(written, skip_special_tokens=True)
        return [replace(answer, text=text.strip()) for answer, text in zip(answers, texts, strict=True)]

    def measure(self, answers: Sequence[Any], examples: Examples) -> dict[str, float]:
        """Metrics of written texts, all from 0 to 1, and the loss and perplexity of the targets' tokens.

        `bleu` and `chrf` are sacreBLEU's corpus scores at its own settings (Post 2018); `exact_match` is the share of
        texts that are the target itself, but for white space; `constant_prediction` is 1.0 when every input gets the
        same text.
        """
        from sacrebleu.metrics.bleu import BLEU  # half a second, which searches of other kinds need not spend
        from sacrebleu.metrics.chrf import CHRF

        targets = [_tidy(text) for text in examples.splits[0].labels]
        texts = [_tidy(answer.text) for answer in answers]
        loss = sum(answer.loss for answer in answers) / sum(answer.tokens for answer in answers)
        return {
            "loss": loss,
            "perplexity": _perplexity(loss),
            "bleu": _share(BLEU().corpus_score(texts, [targets])),
            "chrf": _share(CHRF().corpus_score(texts, [targets])),
            "exact_match": sum(map(str.__eq__, texts, targets)) / len(targets),
            "constant_prediction": float(len(set(texts)) == 1),
        }

    def texts(self, strings: Sequence[str]) -> tuple[str, ...]:
        """The texts as they are."""
        return tuple(strings)

    def present(self, answer: Any, texts: tuple[Any, ...]) -> Prediction:  # noqa: ARG002
        """The written text."""
        return {"text": answer.text}

    def _ended(self, split: Split, targets: Sequence[Sequence[int]], backbone: Backbone) -> list[list[int]]:
        """The tokens to be written, with the end token where they are not cut; none for inputs without a target."""
        end = _end(backbone)
        return [
            [*target, end][: self.max_tokens] if text is not None else []
            for text, target in zip(split.labels, targets, strict=True)
        ]


def _share(score: Score) -> float:
    """A score of 0 to 100 as one of 0 to 1; sacreBLEU's may exceed 100 by a rounding error."""
    return min(float(score.score) / 100, 1.0)


def _perplexity(loss: float) -> float:
    """The exponential of the mean negative log-likelihood of a token, in nats; infinite where that is no float."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def _decoder_targets(texts: Sequence[str], backbone: Backbone) -> tuple[list[int], list[list[int]]]:
    """The tokens that lead a decoder, and the tokens of the texts that it is to write.

    Texts are tokenised as targets, which differs from inputs in some families. The tokens that a tokenizer puts before
    every target (a start, a language) lead the decoder; it does not write them.
    """
    encoded = backbone.tokenizer(
        text_target=["a", *texts], return_special_tokens_mask=True, return_attention_mask=False
    )
    ids, special = encoded["input_ids"], encoded["special_tokens_mask"]
    # The first text is a probe: the special tokens before its first own token are what leads every target.
    lead = [backbone.decoder_start, *ids[0][: special[0].index(0)]]
    targets = [
        [token for token, is_special in zip(tokens, marks, strict=True) if not is_special]
        for tokens, marks in zip(ids[1:], special[1:], strict=True)
    ]
    return lead, targets


def _causal_row(item: Example, closing: int, target: Sequence[int]) -> Row:
    """An input, open at its end, with the target behind it."""
    size = len(item.ids) - closing
    inner = target[:-1]  # the last target token is foretold, and foretells none
    types = [*item.types[:size], *item.types[size - 1 : size] * len(inner)]
    return Row([*item.ids[:size], *inner], types, range(size - 1, size + len(inner)))


def _decoder_row(item: Example, lead: Sequence[int], target: Sequence[int]) -> Row:
    """An input for the encoder; for the decoder the lead, and the target behind it."""
    inner = target[:-1]
    return Row.of(item, range(len(lead) - 1, len(lead) + len(inner)), [*lead, *inner])


def _end(backbone: Backbone) -> int:
    token = backbone.tokenizer.eos_token_id
    if token is None:
        raise SpecError(f"{backbone.id}: its tokenizer names no token that ends a text (eos_token)")
    return int(token)


def _tidy(text: str) -> str:
    """A text with single spaces."""
    return " ".join(text.split())
