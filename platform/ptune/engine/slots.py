"""A slot: one trial in an engine, with everything that belongs to the trial and to no other."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any, assert_never

import numpy as np
import torch
from torch import Tensor

from ptune.data.batches import epoch_batches
from ptune.engine.movement import Movement
from ptune.engine.optim import Step, build_optimizer, rate_share
from ptune.engine.seeds import stream_seed
from ptune.prompts.forward import MiniBatch, eval_mini_batches
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples
from ptune.record.objective import Objective
from ptune.spec.trial import Config, Recipe
from ptune.tasks.joint import JointTask


@dataclass(frozen=True)
class Plan:
    """What a trial is to do: fixed before it takes a slot.

    Attributes:
        trial: its number in the search.
        recipe: how it trains.
        task: what its scores are worth.
        train: the split it learns from.
        dev: the split it is scored on after every epoch.
        objective: which epoch is the best on dev, whose learner is kept.
        seed: the search's seed.
        horizon: epochs that the learning-rate schedule spans.
        state_path: where its state is saved after every epoch.
        config: the flat configuration, which a saved state must match.
        dtype: type of the backbone's weights.
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

    @cached_property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in one epoch."""
        _, sizes = np.unique(self.train.dataset_indices, return_counts=True)
        return self.recipe.passes * sum(-(-int(size) // self.recipe.batch_size) for size in sizes)


class Phase(Enum):
    """What a trial does with its next batch."""

    TRAINING = "training"
    """It learns from a mini-batch of its training split."""
    SCORING = "scoring"
    """It answers a batch of its dev split."""


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
        """Epochs it may train before it waits."""
        self.history: list[dict[str, float]] = []
        """Metrics of every finished epoch."""
        self.best: dict[str, Tensor] = {}
        """The collapsed learner of the best epoch; empty before the first."""
        self.answers: list[Any] = []
        """The answer to each example of the dev split, while scoring."""
        self._train_queue: deque[np.ndarray] = deque()
        self._dev_queue: deque[np.ndarray] = deque()
        self._taken: tuple[np.ndarray, Tensor] | None = None
        self._movement = Movement(learner)
        self._losses: list[float] = []
        self._began = 0.0

    @property
    def epoch(self) -> int:
        """Finished epochs."""
        return len(self.history)

    @property
    def wants_work(self) -> bool:
        """Whether an epoch below the goal is unfinished."""
        return self.epoch < self.goal

    @property
    def trains(self) -> bool:
        """Whether there is anything to train; a manual prompt under the language head is only scored."""
        return self.optimizer is not None

    def begin_scoring(self, token_budget: int) -> None:
        """Go over to the dev split, in batches of at most `token_budget` padded tokens."""
        self.answers = [None] * len(self.plan.dev)
        self._dev_queue = deque(eval_mini_batches(self.plan.dev, token_budget))
        self.phase = Phase.SCORING

    def next_shape(self) -> tuple[int, int]:
        """Rows and width in tokens of the next batch."""
        split, indices = self._split, self._queue()[0]
        return int(split.row_counts[indices].sum()), int(split.lengths[indices].max())

    def next_mini_batch(self) -> MiniBatch:
        """Take the next batch."""
        indices = self._queue().popleft()
        self._taken = (indices, self.generator.get_state())
        if self.phase is Phase.SCORING:
            return MiniBatch(self.learner, self.plan.dev, indices)
        return MiniBatch(self.learner, self.plan.train, indices, self.plan.recipe.head_dropout, self.generator)

    def take_back(self) -> None:
        """Undo `next_mini_batch` after a pass that came to nothing: the batch is next again, the stream as it was."""
        assert self._taken is not None, "a batch was taken"
        indices, stream = self._taken
        self._queue(refill=False).appendleft(indices)
        self.generator.set_state(stream)
        self.learner.zero_grad(set_to_none=True)

    def halve(self) -> bool:
        """Cut the next batch of the dev split in two; return whether that is possible.

        A single example cannot be cut. A mini-batch must not be cut: half of it is another step of the optimiser.
        """
        if self.phase is not Phase.SCORING or len(self._dev_queue[0]) == 1:
            return False
        self._dev_queue.extendleft(reversed(np.array_split(self._dev_queue.popleft(), 2)))
        return True

    def next_step(self) -> Step:
        """The optimiser's step that follows the mini-batch just taken."""
        assert self.optimizer is not None, "what has mini-batches trains"
        plan = self.plan
        number = self.epoch * plan.steps_per_epoch + len(self._losses)
        share = rate_share(plan.recipe, number, plan.steps_per_epoch, plan.horizon)
        return Step(self.optimizer, share, plan.recipe.clip)

    def finish_batch(self, loss: float) -> bool:
        """Record a mini-batch that has been stepped on; return whether it was the epoch's last."""
        self._losses.append(loss)
        return not self._train_queue

    def finish_scores(self, answers: Sequence[Any]) -> bool:
        """Record the answers to the batch just taken; return whether it was the split's last."""
        assert self._taken is not None, "a batch was taken"
        for index, answer in zip(self._taken[0], answers, strict=True):
            self.answers[index] = answer
        return not self._dev_queue

    def finish_epoch(self, metrics: dict[str, float], backbone_parameters: int, memory_mb: float) -> dict[str, float]:
        """Record the epoch's dev metrics, keep the learner if it is the best so far, and return the whole report."""
        objective = self.plan.objective
        value = metrics[objective.metric]
        if all(objective.keeps(value, earlier[objective.metric]) for earlier in self.history):
            self.best = self.learner.collapsed()
        moved = self._movement.of(self.learner)
        trained = sum(parameter.numel() for parameter in self.learner.parameters() if parameter.requires_grad)
        report = {
            **metrics,
            "train_loss": float(np.mean(self._losses)) if self._losses else metrics["loss"],
            "lr": self.optimizer.param_groups[0]["lr"] if self.optimizer is not None else 0.0,
            "seconds": time.monotonic() - self._began if self._began else 0.0,
            "peak_memory_mb": memory_mb,
            "trainable_parameters": float(trained),
            "backbone_share": trained / backbone_parameters,
            **({} if moved is None else {"prompt_moved": moved}),
        }
        self.history.append(report)
        self._losses = []
        self.phase = Phase.TRAINING
        self.answers = []
        return report

    @property
    def _split(self) -> Examples:
        return self.plan.dev if self.phase is Phase.SCORING else self.plan.train

    def _queue(self, *, refill: bool = True) -> deque[np.ndarray]:
        """The batches that are left of this phase; `refill` begins the next epoch where none is left to train on."""
        match self.phase:
            case Phase.SCORING:
                return self._dev_queue
            case Phase.TRAINING:
                if refill and not self._train_queue:
                    self._begin_epoch()
                return self._train_queue
            case _:
                assert_never(self.phase)

    def _begin_epoch(self) -> None:
        """Queue the mini-batches of all passes over the training split that one report takes."""
        plan, train = self.plan, self.plan.train
        passes = plan.recipe.passes
        for number in range(self.epoch * passes, (self.epoch + 1) * passes):
            self._train_queue += epoch_batches(
                train.lengths, plan.recipe.batch_size, plan.seed, plan.trial, number, train.dataset_indices
            )
        self._began = time.monotonic()
