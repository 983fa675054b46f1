"""Extractive question answering: the stretch of a context that answers a question, or none."""

from __future__ import annotations

import math
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from ptune.backbone.backbone import Backbone
from ptune.data.sources import Split
from ptune.data.templates import Layout, Located
from ptune.errors import DataError
from ptune.prompts.forward import HeadOutput
from ptune.prompts.heads import HeadSpec, Linear
from ptune.prompts.rows import Examples, Row
from ptune.tasks.kind import Prediction
from ptune.tasks.squad_scores import squad_scores

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class Window:
    """A stretch of a context that one row holds.

    Attributes:
        first: its first token, counted in the context.
        target: which of the row's reads are the answer's start and end; (0, 0), the class position, without one.
    """

    first: int
    target: tuple[int, int]


@dataclass(frozen=True)
class Passage:
    """A context, as its windows: `offsets` says where each of its tokens begins and ends in it."""

    windows: Sequence[Window]
    context: str
    offsets: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class SpanAnswer:
    """An answer; empty text is that there is none.

    Attributes:
        text: cut from the context.
        score: of the best stretch, start and end together.
        no_answer_score: of there being no answer.
        loss: losses of the windows, summed.
        windows: how many there are.
    """

    text: str
    score: float
    no_answer_score: float
    loss: float
    windows: int


@dataclass(frozen=True)
class SpanKind:
    """Questions about contexts (SQuAD; Devlin et al. 2019, section 4.2 and 4.3).

    A context too long for one input is cut into overlapping windows. Each is a row, read at the class position, which
    stands for "no answer here", and at every token of the context. In training each window is an example by itself; in
    answering, all windows of a question compete. A question longer than half the room is cut.

    Attributes:
        inputs: names of the question and the context.
        unanswerable: whether there may be no answer.
        stride: tokens that neighbouring windows share, at most half of a window.
        max_answer: longest answer in tokens.
        best: starts and ends of a window that are paired up.
    """

    inputs: list[str]
    unanswerable: bool
    stride: int
    max_answer: int
    best: int

    def head_spec(self, layout: Layout) -> HeadSpec:  # noqa: ARG002
        """Two classes: start and end."""
        return Linear(2)

    def encode(self, split: Split, layout: Layout, backbone: Backbone, *, training: bool) -> Examples:  # noqa: ARG002
        """The windows of each question, as examples of their own in training.

        Training aims at the first of a question's answers; windows that do not hold all of it have none.

        Raises:
            DataError: the template holds a text twice.
        """
        questions = _once(layout, 0, [texts[0] for texts in split.texts])
        contexts = _once(layout, 1, [texts[1] for texts in split.texts])
        rows: list[list[Row]] = []
        passages: list[Passage] = []
        for texts, answers in zip(split.texts, split.labels, strict=True):
            question, context = questions[texts[0]].ids[: max(layout.room // 2, 1)], contexts[texts[1]]
            answer = _tokens_of(context, answers[0]) if answers else None
            pairs = list(self._windows(layout, question, context, answer))
            if training:
                # Training reads no answer, so its passages hold neither the text nor the offsets.
                rows += [[row] for row, _ in pairs]
                passages += [Passage([window], "", ()) for _, window in pairs]
            else:
                rows.append([row for row, _ in pairs])
                passages.append(Passage([window for _, window in pairs], texts[1], context.offsets))
        return Examples.of(split, rows, [()] * len(rows) if training else None, passages)

    def loss(self, output: HeadOutput) -> Tensor:
        """Cross-entropies of start and end over each window's reads, mean of both and of all windows."""
        return _losses(output).mean()

    def answer(self, output: HeadOutput) -> Sequence[SpanAnswer]:
        """The best stretch of each context."""
        losses = _losses(output).split_with_sizes(output.row_counts)
        scores = iter(_by_row(output))
        return [
            self._best(
                passage, [next(scores).float().cpu().numpy() for _ in passage.windows], float(window_losses.sum())
            )
            for passage, window_losses in zip(output.task_info, losses, strict=True)
        ]

    def measure(self, answers: Sequence[Any], examples: Examples) -> dict[str, float]:
        """SQuAD's scores after its normalisation (case, punctuation, articles), the best of all accepted answers.

        A question without an answer is right exactly if it is given none. Where there are such questions, an accepted
        answer of which the normalisation leaves nothing does not count, as in SQuAD 2.0's own script.
        `majority_baseline` is the score of giving every question none, the share of questions without an answer;
        `constant_prediction` is 1.0 when every question gets the same answer.
        """
        golds = [self._golds([text for text, _ in pairs]) for pairs in examples.labels]
        return {
            "loss": sum(answer.loss for answer in answers) / sum(answer.windows for answer in answers),
            **squad_scores([answer.text for answer in answers], golds),
            "majority_baseline": float(np.mean([gold == [""] for gold in golds])),
            "constant_prediction": float(len({answer.text for answer in answers}) == 1),
        }

    def texts(self, strings: Sequence[str]) -> tuple[str, ...]:
        """Question and context as they are."""
        return tuple(strings)

    def present(self, answer: Any, texts: tuple[Any, ...]) -> Prediction:  # noqa: ARG002
        """The answer, empty if there is none; the best stretch's score, and that of there being none."""
        return {"answer": answer.text, "score": answer.score, "no_answer_score": answer.no_answer_score}

    def _golds(self, texts: Sequence[str]) -> list[str]:
        """The accepted answers that count; an empty one alone where there is none."""
        return [text for text in texts if not (self.unanswerable and _is_nothing(text))] or [""]

    def _windows(
        self, layout: Layout, question: list[int], context: Located, answer: tuple[int, int] | None
    ) -> Iterator[tuple[Row, Window]]:
        """The rows of one question; every token of the context is in at least one."""
        width = layout.room - len(question)
        step = width - min(self.stride, width // 2)
        first = 0
        while True:
            ids = context.ids[first : first + width]
            item = layout.assemble([question, ids])
            start, end = item.spans[1]
            if end - start != len(ids):
                raise DataError("a template for questions holds the question and the context once each")
            target = (0, 0)
            if answer is not None and first <= answer[0] <= answer[1] < first + len(ids):
                target = answer[0] - first + 1, answer[1] - first + 1
            yield Row.of(item, (item.first, *range(start, end))), Window(first, target)
            if first + width >= len(context.ids):
                return
            first += step

    def _best(self, passage: Passage, scores: Sequence[np.ndarray], loss: float) -> SpanAnswer:
        """The best of all windows' best stretches, unless there being none is better."""
        # A window without the answer may well say so. The question has none only if every window says so, and the
        # one that is least sure decides.
        no_answer_score = min(float(window_scores[0].sum()) for window_scores in scores)
        score, start, end = max(
            (
                self._best_of_window(window, window_scores)
                for window, window_scores in zip(passage.windows, scores, strict=True)
            ),
            key=lambda stretch: stretch[0],
        )
        text = ""
        if math.isfinite(score) and not (self.unanswerable and no_answer_score > score):
            text = passage.context[passage.offsets[start][0] : passage.offsets[end][1]].strip()
        return SpanAnswer(text, score, no_answer_score, loss, len(scores))

    def _best_of_window(self, window: Window, scores: np.ndarray) -> tuple[float, int, int]:
        """Score, start and end (tokens of the context) of a window's best stretch: n-best starts times n-best ends.

        `scores` [reads, 2] are those of starts and ends; the first read is the class position.
        """
        tokens = scores[1:]
        if len(tokens) == 0:
            return -math.inf, 0, 0
        starts, ends = (np.argsort(-tokens[:, side], kind="stable")[: self.best] for side in (0, 1))
        pairs = tokens[starts, 0][:, None] + tokens[ends, 1][None]
        lengths = ends[None] - starts[:, None] + 1
        pairs = np.where((lengths >= 1) & (lengths <= self.max_answer), pairs, -math.inf)
        start, end = np.unravel_index(pairs.argmax(), pairs.shape)
        return float(pairs[start, end]), window.first + int(starts[start]), window.first + int(ends[end])


def _is_nothing(text: str) -> bool:
    """Whether SQuAD's normalisation leaves nothing of a text: it has no words but articles."""
    return set(text.lower().translate(_NO_PUNCTUATION).split()) <= {"a", "an", "the"}


def _once(layout: Layout, field: int, texts: Sequence[str]) -> dict[str, Located]:
    """The tokens of each different text: contexts have many questions."""
    different = list(dict.fromkeys(texts))
    return dict(zip(different, layout.located(field, different), strict=True))


def _tokens_of(context: Located, answer: Sequence[Any]) -> tuple[int, int] | None:
    """The first and last token of an answer `[text, start]`; None if no token stands for it."""
    text, begin = answer
    begins, ends = np.array(context.offsets, dtype=np.int64).reshape(-1, 2).T
    first = int(np.searchsorted(ends, begin, side="right"))
    last = int(np.searchsorted(begins, begin + len(text), side="left")) - 1
    return (first, last) if first <= last else None


def _by_row(output: HeadOutput) -> tuple[Tensor, ...]:
    """The scores [reads, 2] of each row."""
    return output.scores.split_with_sizes(output.reads_by_row)


def _losses(output: HeadOutput) -> Tensor:
    """The loss of each row."""
    # [B, reads, 2]: padding of -inf takes no probability from the reads of a shorter row.
    padded = pad_sequence(list(_by_row(output)), batch_first=True, padding_value=-math.inf)
    targets = torch.tensor([window.target for passage in output.task_info for window in passage.windows])
    losses_B2 = functional.cross_entropy(padded, targets.to(padded.device), reduction="none")  # of start and end
    return losses_B2.mean(dim=1)
