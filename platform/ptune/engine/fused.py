"""The fused engine: one frozen backbone, many trials, one forward and one backward pass for all of them.

A frozen backbone with K prompts is one model with K groups of rows. Every pass takes the next mini-batch of each
slot that has work, up to a token budget, and steps each slot's own optimiser; trials join and leave between passes.
Each trial's numbers are those of `reference.py`, whoever its neighbours are. Knows no search and no cluster.
"""

from __future__ import annotations

import logging
import math
import resource
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch

from ptune.backbone.load import Backbone
from ptune.engine.slots import Plan, Slot
from ptune.engine.state import restore, save
from ptune.errors import DivergedError, EngineError
from ptune.prompts.forward import forward
from ptune.prompts.learner import Learner
from ptune.tasks.joint import with_joint_metric

_LOG = logging.getLogger(__name__)
Outcome = TypeVar("Outcome")

_PADDING = 0.2  # padding that a pass may add, as a share of its mini-batches' own tokens


@dataclass(frozen=True)
class Report:
    """A trial finished an epoch (counted from 1); its state is on disk."""

    trial: int
    epoch: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Failure:
    """A trial cannot go on; it has left its slot."""

    trial: int
    error: EngineError


class Engine:
    """Slots on one backbone.

    Attributes:
        token_budget: most padded tokens of one pass; a single mini-batch larger than it runs alone. Halved whenever
            memory does not hold a pass.
    """

    def __init__(self, backbone: Backbone, token_budget: int) -> None:
        self.backbone = backbone
        self.token_budget = token_budget
        self._slots: dict[int, Slot] = {}
        self._turn: deque[int] = deque()

    def join(self, plan: Plan, learner: Learner) -> None:
        """Seat a trial, from its saved state if there is one. Nothing trains until `advance` sets a goal.

        Raises:
            EngineError: the trial has a seat already, or its saved state is not its own.
        """
        if plan.trial in self._slots:
            raise EngineError(f"trial {plan.trial} has a slot already")
        slot = Slot(plan, learner.to(self.backbone.device))
        if plan.state_path.exists():
            restore(slot)
        self._slots[plan.trial] = slot
        self._turn.append(plan.trial)

    def leave(self, trial: int) -> None:
        """Free a trial's slot; its last saved state stays on disk. Leaving twice is allowed."""
        if self._slots.pop(trial, None) is not None:
            self._turn.remove(trial)

    def advance(self, trial: int, epoch: int) -> Report | None:
        """Let a trial train until it has finished `epoch` epochs; the report, when it has them already.

        Raises:
            EngineError: the trial has no slot.
        """
        if trial not in self._slots:
            raise EngineError(f"trial {trial} has no slot (slots: {sorted(self._slots)})")
        slot = self._slots[trial]
        slot.goal = max(slot.goal, epoch)
        return Report(trial, epoch, slot.history[epoch - 1]) if epoch <= slot.epoch else None

    @property
    def seated(self) -> int:
        """Trials that have a slot."""
        return len(self._slots)

    @property
    def busy(self) -> bool:
        """Whether any slot has work."""
        return any(slot.wants_work for slot in self._slots.values())

    def step(self) -> list[Report | Failure]:
        """Run one pass; return what it brought to an end."""
        untrained = next((slot for slot in self._slots.values() if slot.wants_work and not slot.trains), None)
        if untrained is not None:
            return [self._held(untrained, partial(self._finish_epoch, untrained))]
        slots = self._pack()
        values = self._pass(slots)
        if values is None:  # outside the handler, where the failed pass's tensors are gone
            return self._shrink(slots)
        outcomes = [
            self._held(slot, partial(self._settle, slot, value)) for slot, value in zip(slots, values, strict=True)
        ]
        return [outcome for outcome in outcomes if outcome is not None]

    def _pass(self, slots: list[Slot]) -> list[float] | None:
        """One forward and backward pass over the next mini-batch of each slot; the losses; None if it did not fit."""
        if not slots:
            return []
        try:
            results = forward(self.backbone, [slot.next_group() for slot in slots])
            losses = [slot.plan.task.loss(scored) for slot, scored in zip(slots, results, strict=True)]
            values: list[float] = torch.stack([loss.detach() for loss in losses]).tolist()
            finite = [loss for loss, value in zip(losses, values, strict=True) if math.isfinite(value)]
            if finite:
                torch.autograd.backward(torch.stack(finite).sum())
        except torch.OutOfMemoryError:
            return None
        return values

    def _held(self, slot: Slot, act: Callable[[], Outcome]) -> Outcome | Failure:
        """What comes of stepping or scoring one slot; if memory does not hold that, its trial alone fails."""
        try:
            return act()
        except torch.OutOfMemoryError as error:
            self.leave(slot.plan.trial)
            return _too_large(slot.plan.trial, f"its optimiser or its dev split does not fit into memory ({error})")

    def _shrink(self, slots: list[Slot]) -> list[Report | Failure]:
        """Take a pass back that memory did not hold, and go on with smaller ones.

        A trial whose mini-batch does not fit alone, however little the backbone keeps of it, cannot go on.
        """
        for slot in slots:
            slot.take_back()
        if self.backbone.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(slots) > 1:
            self.token_budget = max(1, self.token_budget // 2)
            return []
        trial, (rows, width) = slots[0].plan.trial, slots[0].next_shape()
        saving = None if slots[0].learner.alone else self.backbone.saving()
        if saving is not None:
            _LOG.warning("%d rows of %d tokens do not fit into memory: layers are computed anew, not kept", rows, width)
            self.backbone = saving
            return []
        self.leave(trial)
        return [_too_large(trial, f"a mini-batch of {rows} rows of {width} tokens does not fit into memory alone")]

    def _pack(self) -> list[Slot]:
        """The slots of the next pass: the longest-waiting one, then in turn those whose mini-batch fits beside it.

        A mini-batch fits if the pass stays within the token budget and wastes little on padding; one that does not
        fit waits for a pass of its own width, and moves to the front meanwhile, so that no trial starves. A learner
        that must be alone has a pass to itself.
        """
        chosen: list[Slot] = []
        rows = width = tokens = 0
        for slot in [self._slots[trial] for trial in self._turn]:
            if not slot.wants_work or (chosen and (slot.learner.alone or chosen[0].learner.alone)):
                continue
            more, wide = slot.next_shape()
            padded = (rows + more) * max(width, wide)
            if chosen and padded > min(self.token_budget, (tokens + more * wide) * (1 + _PADDING)):
                continue
            rows, width, tokens = rows + more, max(width, wide), tokens + more * wide
            chosen.append(slot)
        for slot in chosen:
            self._turn.remove(slot.plan.trial)
            self._turn.append(slot.plan.trial)
        return chosen

    def _settle(self, slot: Slot, loss: float) -> Report | Failure | None:
        """Step one slot after a pass and close its epoch if that was the last batch."""
        trial = slot.plan.trial
        if not math.isfinite(loss):
            self.leave(trial)
            return _diverged(trial, "training loss", loss, slot.epoch + 1)
        return self._finish_epoch(slot) if slot.finish_batch(loss) else None

    def _finish_epoch(self, slot: Slot) -> Report | Failure:
        """Score a slot on its dev split, close its epoch and save it."""
        trial, plan = slot.plan.trial, slot.plan
        answers = plan.task.predict(self.backbone, slot.learner, plan.dev, self.token_budget)
        metrics = with_joint_metric(plan.task.measure(answers, plan.dev), plan.metric)
        if not math.isfinite(metrics["loss"]):
            self.leave(trial)
            return _diverged(trial, "dev loss", metrics["loss"], slot.epoch + 1)
        report = slot.finish_epoch(metrics, self.backbone.shape.parameters, _peak_memory(self.backbone.device))
        save(slot)
        return Report(trial, slot.epoch, report)


def _too_large(trial: int, what: str) -> Failure:
    return Failure(trial, EngineError(f"trial {trial}: {what}; a smaller batch_size, length or max_length may"))


def _diverged(trial: int, what: str, value: float, epoch: int) -> Failure:
    return Failure(trial, DivergedError(f"trial {trial}: the {what} is {value} in epoch {epoch}"))


def _peak_memory(device: torch.device) -> float:
    """Peak memory in MB: of the device for GPUs, else the largest resident size of this process so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
