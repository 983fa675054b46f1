"""Answers without training: the examples of many learners, in passes that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ptune.backbone.backbone import Backbone
from ptune.data.batches import eval_batches
from ptune.prompts.forward import HeadOutput, MiniBatch, forward
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples


@dataclass(frozen=True)
class Question:
    """Examples that one learner is to answer; `answer` turns the scores of some into one value for each, on the CPU."""

    learner: Learner
    examples: Examples
    answer: Callable[[HeadOutput], Sequence[Any]]


def predict_together(backbone: Backbone, questions: Sequence[Question], token_budget: int) -> list[list[Any]]:
    """The answer to each example of each question, in order; the learners share passes, unless one needs its own.

    Args:
        backbone: the frozen backbone.
        questions: what is asked.
        token_budget: most tokens, padding included, in one pass.
    """
    answers: list[list[Any]] = [[None] * len(question.examples) for question in questions]
    shared = [index for index, question in enumerate(questions) if not question.learner.needs_own_pass]
    groups = [shared, *([index] for index in range(len(questions)) if index not in shared)]
    with torch.inference_mode():
        for members in filter(None, groups):
            for shares in _passes([questions[index] for index in members], token_budget):
                outputs = forward(backbone, [mini_batch for _, mini_batch in shares])
                for (member, mini_batch), output in zip(shares, outputs, strict=True):
                    values = questions[members[member]].answer(output)
                    for place, value in zip(mini_batch.indices.tolist(), values, strict=True):
                        answers[members[member]][place] = value
    return answers


def predict(
    backbone: Backbone,
    learner: Learner,
    split: Examples,
    token_budget: int,
    answer: Callable[[HeadOutput], Sequence[Any]],
) -> list[Any]:
    """The answer of each example of one learner; see `predict_together`."""
    return predict_together(backbone, [Question(learner, split, answer)], token_budget)[0]


def _passes(questions: Sequence[Question], token_budget: int) -> Iterator[list[tuple[int, MiniBatch]]]:
    """Passes over all examples, shortest rows first: each mini-batch with the number of its question."""
    splits = [question.examples for question in questions]
    owners = np.repeat(np.arange(len(splits)), [len(split) for split in splits])
    places = np.concatenate([np.arange(len(split)) for split in splits])
    datasets = np.concatenate([split.dataset_indices for split in splits])
    costs = np.concatenate([split.lengths * split.row_counts for split in splits])
    for batch in eval_batches(costs, token_budget):
        # A mini-batch holds examples of one question and of one data set.
        groups = np.stack([owners[batch], datasets[batch]], axis=1)
        shares = []
        for owner, dataset in np.unique(groups, axis=0).tolist():
            indices = places[batch[(groups == (owner, dataset)).all(axis=1)]]
            shares.append((owner, MiniBatch(questions[owner].learner, splits[owner], indices)))
        yield shares
