"""A task over its data sets, mostly one: each example is handled by the kind of its own data set.

Metrics of several data sets are averaged, and each data set's own stand beside the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ptune.backbone.backbone import Backbone
from ptune.prompts.forward import HeadOutput
from ptune.prompts.learner import Learner
from ptune.prompts.predict import Question, predict_together
from ptune.prompts.rows import Examples
from ptune.tasks.kind import DecodingKind, TaskKind, WeighingKind


@dataclass(frozen=True)
class JointTask:
    """The kinds of a task's data sets, in order, with their names."""

    kinds: Sequence[TaskKind]
    names: Sequence[str]

    def loss(self, output: HeadOutput) -> Tensor:
        """The loss of a mini-batch; its examples are of one data set."""
        return self._kind(output).loss(output)

    def weights(self, examples: Examples) -> np.ndarray:
        """How much each example counts in the loss of its mini-batch, [n]: the loss is the mean under these weights."""
        weights = np.ones(len(examples))
        for dataset_index in np.unique(examples.dataset_indices).tolist():
            kind = self.kinds[dataset_index]
            if isinstance(kind, WeighingKind):
                members = examples.dataset_indices == dataset_index
                weights[members] = kind.weights(examples.of_dataset(dataset_index))
        return weights

    def answer(self, output: HeadOutput) -> Sequence[Any]:
        """What is kept of each example's scores; the examples are of one data set."""
        return self._kind(output).answer(output)

    def predict(self, backbone: Backbone, learner: Learner, examples: Examples, token_budget: int) -> list[Any]:
        """The answer of each example, in order; no pass exceeds `token_budget` padded tokens.

        See `answer_together`.
        """
        return answer_together(backbone, [Asked(self, learner, examples)], token_budget)[0]

    def complete(
        self, backbone: Backbone, learner: Learner, examples: Examples, answers: list[Any], token_budget: int
    ) -> list[Any]:
        """The answers to a split; those of kinds that decode are completed in passes of their own. See `predict`."""
        for dataset_index in np.unique(examples.dataset_indices).tolist():
            kind = self.kinds[dataset_index]
            if isinstance(kind, DecodingKind):
                members = np.flatnonzero(examples.dataset_indices == dataset_index).tolist()
                scored = [answers[index] for index in members]
                dataset = examples.of_dataset(dataset_index).as_dataset(dataset_index)
                decode = partial(kind.decode, backbone, learner, dataset, scored)
                for index, answer in zip(members, _in_passes_that_fit(decode, [dataset], token_budget), strict=True):
                    answers[index] = answer
        return answers

    def measure(self, answers: Sequence[Any], examples: Examples) -> dict[str, float]:
        """Metrics of all answers to a split; for several data sets their means, and `metric.NAME` for each."""
        if len(self.kinds) == 1:
            return self.kinds[0].measure(answers, examples)
        metrics: dict[str, float] = {}
        measured = []
        for dataset_index, (kind, name) in enumerate(zip(self.kinds, self.names, strict=True)):
            members = np.flatnonzero(examples.dataset_indices == dataset_index).tolist()
            measured.append(kind.measure([answers[index] for index in members], examples.of_dataset(dataset_index)))
            metrics |= {f"{metric}.{name}": value for metric, value in measured[-1].items()}
        shared = [metric for metric in measured[0] if all(metric in values for values in measured)]
        return {metric: float(np.mean([values[metric] for values in measured])) for metric in shared} | metrics

    def _kind(self, output: HeadOutput) -> TaskKind:
        return self.kinds[output.dataset_index]


@dataclass(frozen=True)
class Asked:
    """Examples that a learner is to answer for its task."""

    task: JointTask
    learner: Learner
    examples: Examples


def answer_together(backbone: Backbone, asked: Sequence[Asked], token_budget: int) -> list[list[Any]]:
    """The answer of each example, in order, for learners of one backbone, which share passes.

    No pass exceeds `token_budget` padded tokens. Where memory does not hold such passes, smaller ones are taken.
    Kinds that decode take passes of their own.

    Raises:
        torch.OutOfMemoryError: memory does not hold the largest example alone.
    """
    questions = [Question(share.learner, share.examples, share.task.answer) for share in asked]
    examples = [share.examples for share in asked]
    scored = _in_passes_that_fit(partial(predict_together, backbone, questions), examples, token_budget)
    return [
        share.task.complete(backbone, share.learner, share.examples, answers, token_budget)
        for share, answers in zip(asked, scored, strict=True)
    ]


def _in_passes_that_fit(act: Callable[[int], list[Any]], splits: Sequence[Examples], token_budget: int) -> list[Any]:
    """What comes of passes of at most some tokens: half as many whenever memory does not hold one.

    Raises:
        torch.OutOfMemoryError: memory does not hold the largest example alone.
    """
    largest = max(int((split.lengths * split.row_counts).max()) for split in splits)
    while token_budget > largest:
        try:
            return act(token_budget)
        except torch.OutOfMemoryError:
            token_budget //= 2
    return act(token_budget)


def with_joint_metric(metrics: dict[str, float], metric: str) -> dict[str, float]:
    """Metrics with the one a search improves among them: for `accuracy+macro_f1` the mean of both."""
    names = metric.split("+")
    return {**metrics, metric: float(np.mean([metrics[name] for name in names]))}
