"""Generation: a text written for each input, by a causal language model behind it or by an encoder-decoder.

The prompt trains on the likelihood of the target's tokens, given those before them; what counts is what the model
writes by itself, token by token, always the likeliest (greedy decoding).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

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


@dataclass(frozen=True)
class Written:
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
        most: longest written text in tokens, its end included.
    """

    inputs: list[str]
    most: int

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
            given, tokens = _decoder_targets(texts, backbone)
            targets = self._ended(split, tokens, backbone)
            rows = [_decoder_row(item, given, target) for item, target in zip(items, targets, strict=True)]
        else:
            targets = self._ended(split, layout.behind(texts), backbone)
            rows = [_causal_row(item, layout.closing, target) for item, target in zip(items, targets, strict=True)]
        return Examples.of(split, [[row] for row in rows], targets)

    def loss(self, scored: HeadOutput) -> Tensor:
        """Cross-entropy, the mean of all target tokens."""
        targets = [token for target in scored.labels for token in target]
        return functional.cross_entropy(scored.scores, torch.tensor(targets, device=scored.scores.device))

    def answer(self, scored: HeadOutput) -> Sequence[Written]:
        """The loss of each example's target; the text is not written yet."""
        answers = []
        for scores, target in zip(scored.by_example(), scored.labels, strict=True):
            tokens = torch.tensor(target, dtype=torch.long, device=scores.device)
            loss = functional.cross_entropy(scores[: len(target)], tokens, reduction="sum")
            answers.append(Written(float(loss), len(target)))
        return answers

    def decode(
        self, backbone: Backbone, learner: Learner, examples: Examples, answers: Sequence[Any], token_budget: int
    ) -> list[Written]:
        """The answers with what the model writes for each example."""
        written = greedy_decode(backbone, learner, examples, self.most, _end(backbone), token_budget)
        texts = backbone.tokenizer.batch_decode(written, skip_special_tokens=True)
        return [replace(answer, text=text.strip()) for answer, text in zip(answers, texts, strict=True)]

    def measure(self, answers: Sequence[Any], examples: Examples) -> dict[str, float]:
        """Metrics of written texts, all from 0 to 1, and the loss of a target token.

        `bleu` is sacreBLEU's corpus score, `chrf` its character F2 without word n-grams; `exact_match` is the share of
        texts that are the target itself, but for white space; `constant_prediction` is 1.0 when every input gets the
        same text.
        """
        from torchmetrics.text import CHRFScore, SacreBLEUScore

        wanted = [_tidy(text) for text in examples.splits[0].labels]
        given = [_tidy(answer.text) for answer in answers]
        references = [[text] for text in wanted]
        return {
            "loss": sum(answer.loss for answer in answers) / sum(answer.tokens for answer in answers),
            "bleu": float(SacreBLEUScore()(given, references)),
            "chrf": float(CHRFScore(n_word_order=0)(given, references)),
            "exact_match": sum(map(str.__eq__, given, wanted)) / len(wanted),
            "constant_prediction": float(len(set(given)) == 1),
        }

    def texts(self, given: Sequence[str]) -> tuple[str, ...]:
        """The texts as they are."""
        return tuple(given)

    def present(self, answer: Any, texts: tuple[Any, ...]) -> dict[str, Any]:  # noqa: ARG002
        """The written text."""
        return {"text": answer.text}

    def _ended(self, split: Split, targets: Sequence[Sequence[int]], backbone: Backbone) -> list[list[int]]:
        """The tokens to be written, with the end token where they are not cut; none for inputs without a target."""
        end = _end(backbone)
        known = [text is not None for text in split.labels]
        return [[*target, end][: self.most] if one else [] for one, target in zip(known, targets, strict=True)]


def _decoder_targets(texts: Sequence[str], backbone: Backbone) -> tuple[list[int], list[list[int]]]:
    """What a decoder is given before it writes, and the tokens of the texts it is to write.

    Tokenised as targets, which in some families is not as inputs are. What the tokenizer puts before every target (a
    start, a language) is given, not written.
    """
    encoded = backbone.tokenizer(
        text_target=["a", *texts], return_special_tokens_mask=True, return_attention_mask=False
    )
    ids, special = encoded["input_ids"], encoded["special_tokens_mask"]
    lead = special[0].index(0)
    given = [backbone.decoder_start, *ids[0][:lead]]
    targets = [
        [token for token, added in zip(own, marks, strict=True) if not added]
        for own, marks in zip(ids[1:], special[1:], strict=True)
    ]
    return given, targets


def _causal_row(item: Example, closing: int, target: Sequence[int]) -> Row:
    """An input, open at its end, with the target behind it."""
    size = len(item.ids) - closing
    inner = target[:-1]
    types = [*item.types[:size], *item.types[size - 1 : size] * len(inner)]
    return Row([*item.ids[:size], *inner], types, range(size - 1, size + len(inner)))


def _decoder_row(item: Example, given: Sequence[int], target: Sequence[int]) -> Row:
    """An input for the encoder; for the decoder what is given anyway, and the target behind it."""
    inner = target[:-1]
    return Row.of(item, range(len(given) - 1, len(given) + len(inner)), [*given, *inner])


def _end(backbone: Backbone) -> int:
    token = backbone.tokenizer.eos_token_id
    if token is None:
        raise SpecError(f"{backbone.id}: its tokenizer names no token that ends a text (eos_token)")
    return int(token)


def _tidy(text: str) -> str:
    """A text with single spaces."""
    return " ".join(text.split())
