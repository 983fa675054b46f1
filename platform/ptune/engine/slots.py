"""A slot: one trial's seat in an engine, with everything that belongs to the trial and to nobody else."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ptune.data.batches import epoch_batches
from ptune.engine.optim import adamw, take_step
from ptune.engine.seeds import stream_seed
from ptune.prompts.forward import Group
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples
from ptune.spec.trial import Recipe


@dataclass(frozen=True)
class Plan:
    """What a trial is to do: fixed before it takes a slot.

    Attributes:
        trial: its number in the search.
        recipe: how it trains.
        train: the split it learns from.
        dev: the split it is scored on after every epoch.
        metric: the dev metric whose best epoch is kept.
        seed: the search's seed.
        horizon: epochs that the learning-rate schedule spans.
        state_path: where its state is saved after every epoch.
        config: the flat configuration, which a saved state must match.
    """

    trial: int
    recipe: Recipe
    train: Examples
    dev: Examples
    metric: str
    seed: int
    horizon: int
    state_path: Path
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in one epoch."""
        return -(-len(self.train.items) // self.recipe.batch_size)


class Slot:
    """A trial under way: its learner, optimiser, random stream, place in the data, and what it has reported."""

    def __init__(self, plan: Plan, learner: Learner) -> None:
        self.plan = plan
        self.learner = learner
        self.optimizer = adamw(learner, plan.recipe)
        self.generator = torch.Generator().manual_seed(stream_seed(plan.seed, plan.trial, "dropout"))
        self.goal = 0
        """Epochs it may train before it waits."""
        self.history: list[dict[str, float]] = []
        """Metrics of every finished epoch."""
        self.best: dict[str, Tensor] = learner.collapsed()
        """The collapsed learner of the best epoch."""
        self._queue: deque[np.ndarray] = deque()
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

    def next_shape(self) -> tuple[int, int]:
        """Rows and width in tokens of the next mini-batch."""
        indices = self._batches()[0]
        return len(indices), int(self.plan.train.lengths[indices].max())

    def next_group(self) -> Group:
        """Take the next mini-batch."""
        indices = self._batches().popleft()
        return Group(self.learner, self.plan.train, indices, self.plan.recipe.head_dropout, self.generator)

    def finish_batch(self, loss: float) -> bool:
        """Step the optimiser on the gradients at hand; return whether that was the epoch's last batch."""
        step = self.epoch * self.plan.steps_per_epoch + len(self._losses)
        take_step(self.learner, self.optimizer, self.plan.recipe, step, self.plan.horizon * self.plan.steps_per_epoch)
        self._losses.append(loss)
        return not self._queue

    def finish_epoch(self, metrics: dict[str, float], backbone_parameters: int, memory_mb: float) -> dict[str, float]:
        """Record the epoch's dev metrics, keep the learner if it is the best so far, and return the whole report."""
        metric = self.plan.metric
        if all(not metrics[metric] <= past[metric] for past in self.history):
            self.best = self.learner.collapsed()
        trained = sum(parameter.numel() for parameter in self.learner.parameters())
        report = {
            **metrics,
            "train_loss": float(np.mean(self._losses)),
            "lr": self.optimizer.param_groups[0]["lr"],
            "seconds": time.monotonic() - self._began,
            "peak_memory_mb": memory_mb,
            "trainable_parameters": float(trained),
            "backbone_share": trained / backbone_parameters,
        }
        self.history.append(report)
        self._losses = []
        return report

    def _batches(self) -> deque[np.ndarray]:
        if not self._queue:
            plan = self.plan
            self._queue = deque(
                epoch_batches(plan.train.lengths, plan.recipe.batch_size, plan.seed, plan.trial, self.epoch)
            )
            self._began = time.monotonic()
        return self._queue
