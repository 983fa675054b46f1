"""A slot: one trial in an engine, with everything that belongs to the trial and to no other."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ptune.data.batches import epoch_batches, parts_of
from ptune.engine.movement import Movement
from ptune.engine.optim import Step, build_optimizer, rate_share
from ptune.engine.seeds import stream_seed
from ptune.prompts.draws import Draws
from ptune.prompts.forward import MiniBatch, eval_mini_batches
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples
from ptune.record.objective import Objective
from ptune.spec.trial import Config, Recipe
from ptune.tasks.joint import JointTask


@dataclass(frozen=True)
class DevPart:
    """A part of the dev split.

    Attributes:
        last: the last report (1, 2, ...) that is scored on it.
        examples: what it holds.
    """

    last: int
    examples: Examples


@dataclass(frozen=True)
class Plan:
    """What a trial is to do: fixed before it takes a slot.

    Attributes:
        trial: its number in the search.
        recipe: how it trains.
        task: what its scores are worth.
        train: the split it learns from.
        dev: the split it is scored on.
        objective: which report's learner is kept.
        seed: the search's seed.
        horizon: epochs that the learning-rate schedule spans.
        state_path: where its state is saved at every report.
        config: the flat configuration, which a saved state must match.
        dtype: type of the backbone's weights.
        reports_per_epoch: into how many parts of equal steps an epoch is cut; each ends with a report.
        shares_time: whether it reports `own_seconds`, its share of the time of its passes.
        memory_mb: what it reports as `training_memory_mb`; None reports nothing.
        dev_parts: what reports are scored on in place of all of dev, the earliest first.
    """

    trial: int
    recipe: Recipe
    task: JointTask
    train: Examples
    dev: Examples
    objective: Objective
    seed: int
    horizon: int
    state_path: Path
    config: Config = field(default_factory=dict)
    dtype: str = "float32"
    reports_per_epoch: int = 1
    shares_time: bool = False
    memory_mb: float | None = None
    dev_parts: Sequence[DevPart] = ()

    def scored_on(self, report: int) -> Examples:
        """What a report (1, 2, ...) is scored on: all of dev, or a part of it."""
        return next((part.examples for part in self.dev_parts if report <= part.last), self.dev)

    @cached_property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in one epoch."""
        _, sizes = np.unique(self.train.dataset_indices, return_counts=True)
        return self.recipe.passes * sum(-(-int(size) // self.recipe.batch_size) for size in sizes)

    def steps_before(self, report: int) -> int:
        """Optimiser steps that lie before report `report` (from 0) has begun to train: parts differ by one at most."""
        return report * self.steps_per_epoch // self.reports_per_epoch

    @cached_property
    def weights(self) -> np.ndarray:
        """How much each training example counts in the loss of its mini-batch, [n]."""
        return self.task.weights(self.train)


class Phase(Enum):
    """What a trial does with its next batch."""

    TRAINING = "training"
    """It learns from a mini-batch of its training split, or from a part of one."""
    SCORING = "scoring"
    """It answers a batch of its dev split."""


@dataclass
class _Step:
    """An optimiser step under way: a mini-batch, whose parts' gradients add up.

    Attributes:
        examples: of the whole mini-batch.
        parts: those that are still to come.
        draws: its random numbers.
        stream: the trial's random stream before the step.
        loss: of the parts that are done.
    """

    examples: np.ndarray
    parts: deque[np.ndarray]
    draws: Draws
    stream: Tensor
    loss: float = 0.0


class Slot:
    """A trial under way: its learner, optimiser, random stream, position in the data, and its reports so far.

    Args:
        plan: what it is to do.
        learner: as it starts, before any training; a saved state is restored afterwards.
    """

    def __init__(self, plan: Plan, learner: Learner) -> None:
        self.plan = plan
        self.learner = learner
        self.optimizer = build_optimizer(learner, plan.recipe)
        self.generator = torch.Generator().manual_seed(stream_seed(plan.seed, plan.trial, "dropout"))
        self.phase = Phase.TRAINING
        self.goal = 0
        """Reports it may make before it waits."""
        self.history: list[dict[str, float]] = []
        """Its reports: the metrics of every finished epoch, or part of one."""
        self.best: dict[str, Tensor] = {}
        """The collapsed learner of the best report; empty before the first."""
        self.answers: list[Any] = []
        """The answer to each example of what is scored, while scoring."""
        self._train_queue: deque[np.ndarray] = deque()
        self._dev_queue: deque[np.ndarray] = deque()
        self._under_way: _Step | None = None
        self._taken: np.ndarray | None = None
        self._movement = Movement(learner)
        self._losses: list[float] = []
        self._began = 0.0
        self._own_s = 0.0

    @property
    def epoch(self) -> int:
        """How many reports it has made: epochs, unless its plan cuts them into parts."""
        return len(self.history)

    @property
    def wants_work(self) -> bool:
        """Whether a report below the goal is missing."""
        return self.epoch < self.goal

    @property
    def epoch_under_way(self) -> int:
        """The epoch (1, 2, ...) in which its next report lies."""
        return self.epoch // self.plan.reports_per_epoch + 1

    @property
    def trains(self) -> bool:
        """Whether there is anything to train; a manual prompt under the language head is only scored."""
        return self.optimizer is not None

    @property
    def dev(self) -> Examples:
        """What its next report is scored on."""
        return self.plan.scored_on(self.epoch + 1)

    def begin_scoring(self, token_budget: int) -> None:
        """Go over to the dev split, in batches of at most `token_budget` padded tokens."""
        self.answers = [None] * len(self.dev)
        self._dev_queue = deque(eval_mini_batches(self.dev, token_budget))
        self.phase = Phase.SCORING

    def next_shape(self, token_budget: int) -> tuple[int, int]:
        """Rows and width in tokens of the next batch; a mini-batch of more than `token_budget` comes in parts."""
        if self.phase is Phase.TRAINING and self._under_way is None:
            self._begin_step(token_budget)
        return self._shape(self._batches[0])

    def next_batch(self) -> MiniBatch:
        """Take the next batch, whose shape was asked for before."""
        indices = self._taken = self._batches.popleft()
        if self._under_way is None:
            return MiniBatch(self.learner, self.dev, indices)
        return MiniBatch(self.learner, self.plan.train, indices, self.plan.recipe.head_dropout, self._under_way.draws)

    def taken_size(self) -> tuple[int, int, int]:
        """Examples, rows and width in tokens of the batch just taken."""
        assert self._taken is not None, "a batch was taken"
        return len(self._taken), *self._shape(self._taken)

    def take_time(self, seconds: float) -> None:
        """Count its share of a pass as its own."""
        self._own_s += seconds

    def share(self) -> float:
        """What the loss of the part just taken counts in the loss of its whole mini-batch; all parts' sum to 1."""
        assert self._under_way is not None, "a part is of a step"
        assert self._taken is not None, "a batch was taken"
        weights, whole = self.plan.weights, self._under_way.examples
        total = weights[whole].sum()
        # A mini-batch in which nothing counts, such as sentences without a word that is read, has no loss to share.
        return float(weights[self._taken].sum() / total) if total else len(self._taken) / len(whole)

    def take_back(self) -> None:
        """Undo `next_batch` after a pass that came to nothing; a step begins anew with its whole mini-batch."""
        assert self._taken is not None, "a batch was taken"
        if self._under_way is None:
            self._dev_queue.appendleft(self._taken)
            return
        self._train_queue.appendleft(self._under_way.examples)
        self.generator.set_state(self._under_way.stream)
        self._under_way = None
        self.learner.zero_grad(set_to_none=True)

    def halve(self) -> bool:
        """Cut the next batch of the dev split in two; return whether that is possible: a single example cannot be."""
        if len(self._dev_queue[0]) == 1:
            return False
        self._dev_queue.extendleft(reversed(np.array_split(self._dev_queue.popleft(), 2)))
        return True

    @property
    def completes_step(self) -> bool:
        """Whether the batch just taken was the last part of its mini-batch."""
        return self._under_way is not None and not self._under_way.parts

    def next_step(self) -> Step:
        """The optimiser's step that follows the mini-batch just taken."""
        assert self.optimizer is not None, "what has mini-batches trains"
        plan = self.plan
        number = plan.steps_before(self.epoch) + len(self._losses)
        share = rate_share(plan.recipe, number, plan.steps_per_epoch, plan.horizon)
        return Step(self.optimizer, share, plan.recipe.clip)

    def finish_part(self, loss: float) -> bool:
        """Record the loss that a part adds to its mini-batch's; return whether it was the report's last."""
        step = self._under_way
        assert step is not None, "a part is of a step"
        step.loss += loss
        if step.parts:
            return False
        self._losses.append(step.loss)
        self._under_way = None
        return not self._train_queue

    def finish_scores(self, answers: Sequence[Any]) -> bool:
        """Record the answers to the batch just taken; return whether it was the split's last."""
        assert self._taken is not None, "a batch was taken"
        for index, answer in zip(self._taken, answers, strict=True):
            self.answers[index] = answer
        return not self._dev_queue

    def finish_epoch(self, metrics: dict[str, float], backbone_parameters: int, memory_mb: float) -> dict[str, float]:
        """Record the dev metrics, keep the learner if none is better so far, and return the whole report."""
        if self.plan.objective.keeps_latest([*self.history, metrics]):
            self.best = self.learner.collapsed()
        moved = self._movement.of(self.learner)
        trained = self.learner.trained
        report = {
            **metrics,
            "train_loss": float(np.mean(self._losses)) if self._losses else metrics["loss"],
            "lr": self.optimizer.param_groups[0]["lr"] if self.optimizer is not None else 0.0,
            "seconds": time.monotonic() - self._began if self._began else 0.0,
            "peak_memory_mb": memory_mb,
            "trainable_parameters": float(trained),
            "backbone_share": trained / backbone_parameters,
            **({} if moved is None else {"prompt_moved": moved}),
            **({"own_seconds": self._own_s} if self.plan.shares_time else {}),
            **({} if self.plan.memory_mb is None else {"training_memory_mb": self.plan.memory_mb}),
        }
        self.history.append(report)
        self._losses = []
        self._own_s = 0.0
        self.phase = Phase.TRAINING
        self.answers = []
        return report

    def _shape(self, indices: np.ndarray) -> tuple[int, int]:
        split = self.dev if self.phase is Phase.SCORING else self.plan.train
        return int(split.row_counts[indices].sum()), int(split.lengths[indices].max())

    @property
    def _batches(self) -> deque[np.ndarray]:
        """The batches that are left of this phase; those of the step under way, while it trains."""
        return self._dev_queue if self._under_way is None else self._under_way.parts

    def _begin_step(self, token_budget: int) -> None:
        """Cut the next mini-batch into parts of at most `token_budget` padded tokens."""
        if not self._train_queue:
            self._begin_report()
        train, examples, stream = self.plan.train, self._train_queue.popleft(), self.generator.get_state()
        parts = deque(parts_of(examples, train.lengths, train.row_counts, token_budget))
        self._under_way = _Step(examples, parts, Draws.of_step(self.generator), stream)

    def _begin_report(self) -> None:
        """Queue the mini-batches up to the next report: of all passes that make an epoch, or of a part of them."""
        plan, train = self.plan, self.plan.train
        passes, epoch = plan.recipe.passes, self.epoch // plan.reports_per_epoch
        batches = [
            batch
            for number in range(epoch * passes, (epoch + 1) * passes)
            for batch in epoch_batches(
                train.lengths, plan.recipe.batch_size, plan.seed, plan.trial, number, train.dataset_indices
            )
        ]
        begun = epoch * plan.steps_per_epoch
        start, end = plan.steps_before(self.epoch) - begun, plan.steps_before(self.epoch + 1) - begun
        self._train_queue += batches[start:end]
        self._began = time.monotonic()
