"""The fused engine: one frozen backbone, many trials, one forward and one backward pass for all of them.

A frozen backbone with K prompts is one model, and each prompt has rows of its own in a pass. Every pass takes the next
mini-batch of each slot that has work, up to a token budget, and steps each slot's own optimiser. A larger mini-batch
takes several passes, whose gradients add up before the step. Trials join and leave between passes. Each trial's
numbers are those of `reference.py`, whichever trials share its passes. Knows no search and no cluster.
"""

from __future__ import annotations

import logging
import math
import resource
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ptune.backbone.backbone import Backbone
from ptune.engine.optim import step_together
from ptune.engine.slots import Phase, Plan, Slot
from ptune.engine.state import restore, save
from ptune.errors import DivergedError, EngineError
from ptune.prompts.forward import forward
from ptune.prompts.learner import Learner
from ptune.record.dev_part import DEV_EXAMPLES
from ptune.record.divergence import diverged
from ptune.record.events import SetAside
from ptune.tasks.joint import with_joint_metric

_LOG = logging.getLogger(__name__)

_PADDING = 0.2  # padding that a pass may add, as a share of its mini-batches' own tokens


@dataclass(frozen=True)
class Report:
    """A trial has come to a report (counted from 1): the end of an epoch, or of a part; its state is on disk."""

    trial: int
    epoch: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Failure:
    """A trial cannot go on; it has left its slot."""

    trial: int
    error: EngineError


Settle = Callable[[], Report | Failure | None]
"""What remains to be done for one slot after a pass."""


class Engine:
    """Slots on one backbone.

    Args:
        backbone: what all trials share.
        token_budget: the first value of the attribute.
        flat_gradients: whether small learners are clipped in the same calls, see `ptune.engine.flat_gradients`.

    Attributes:
        token_budget: most padded tokens of one pass; a larger mini-batch is trained in parts, and a single example
            larger than it runs alone. Halved whenever memory does not hold a pass.
    """

    def __init__(self, backbone: Backbone, token_budget: int, *, flat_gradients: bool = False) -> None:
        self.backbone = backbone
        self._flat_gradients = flat_gradients
        self.token_budget = self._first_budget = token_budget
        self._slots: dict[int, Slot] = {}
        self._waiting: deque[int] = deque()  # trials, the one that has waited longest first

    def join(self, plan: Plan, learner: Learner) -> list[SetAside]:
        """Give a trial a slot, from its last sound state if there is one. Nothing trains until `advance` sets a goal.

        Returns:
            The saved states that could not be used.

        Raises:
            EngineError: the trial has a slot already.
        """
        if plan.trial in self._slots:
            raise EngineError(f"trial {plan.trial} has a slot already")
        slot = Slot(plan, learner.to(self.backbone.device))
        damaged = restore(slot)
        self._slots[plan.trial] = slot
        self._waiting.append(plan.trial)
        return damaged

    def leave(self, trial: int) -> None:
        """Free a trial's slot; its last saved state stays on disk. Leaving twice is allowed."""
        if self._slots.pop(trial, None) is not None:
            self._waiting.remove(trial)

    def advance(self, trial: int, epoch: int) -> Report | None:
        """Let a trial train until it has made `epoch` reports; the last of them, when it has it already.

        Raises:
            EngineError: the trial has no slot.
        """
        if trial not in self._slots:
            raise EngineError(f"trial {trial} has no slot (slots: {sorted(self._slots)})")
        slot = self._slots[trial]
        slot.goal = max(slot.goal, epoch)
        self._open(slot)
        return Report(trial, epoch, slot.history[epoch - 1]) if epoch <= slot.epoch else None

    @property
    def occupied(self) -> int:
        """Number of slots that a trial has taken."""
        return len(self._slots)

    @property
    def busy(self) -> bool:
        """Whether any slot has work."""
        return any(slot.wants_work for slot in self._slots.values())

    def step(self) -> list[Report | Failure]:
        """Run one pass; return what it brought to an end."""
        slots = self._pack()
        if not slots:
            return []
        run = self._score if slots[0].phase is Phase.SCORING else self._train
        began = time.monotonic()
        try:
            settled = run(slots)
        except torch.OutOfMemoryError:
            settled = None
        if settled is None:  # outside the handler, where the failed pass's tensors are gone
            return self._shrink(slots)
        _share_time(slots, time.monotonic() - began)
        outcomes = [self._settle(slot, settle) for slot, settle in zip(slots, settled, strict=True)]
        return [outcome for outcome in outcomes if outcome is not None]

    def _train(self, slots: list[Slot]) -> list[Settle]:
        """One forward and backward pass over the next batch of each slot, and a step for each whole mini-batch.

        The loss of a mini-batch is a mean over its examples, so a part's loss counts by the part's share in it. The
        gradients of the parts add up to those of the whole.
        """
        outputs = forward(self.backbone, [slot.next_batch() for slot in slots])
        losses = [slot.plan.task.loss(output) * slot.share() for slot, output in zip(slots, outputs, strict=True)]
        values: list[float] = torch.stack([loss.detach() for loss in losses]).tolist()
        finite = [(slot, loss) for slot, loss, value in zip(slots, losses, values, strict=True) if math.isfinite(value)]
        # A trial whose loss is not finite makes no step; it leaves when its batch is settled.
        if finite:
            torch.autograd.backward(torch.stack([loss for _, loss in finite]).sum())
        with torch.profiler.record_function("Optimizer.step#together"):  # as torch names its own for profilers
            steps = [slot.next_step() for slot, _ in finite if slot.completes_step]
            step_together(steps, flat_gradients=self._flat_gradients)
        return [partial(self._settle_batch, slot, value) for slot, value in zip(slots, values, strict=True)]

    def _score(self, slots: list[Slot]) -> list[Settle]:
        """One forward pass over the next batch of each slot's dev split."""
        with torch.inference_mode():
            outputs = forward(self.backbone, [slot.next_batch() for slot in slots])
            answers = [slot.plan.task.answer(output) for slot, output in zip(slots, outputs, strict=True)]
        return [partial(self._settle_scores, slot, batch) for slot, batch in zip(slots, answers, strict=True)]

    def _settle(self, slot: Slot, settle: Settle) -> Report | Failure | None:
        """Settle one slot after a pass; if memory does not hold that, only its trial fails."""
        try:
            return settle()
        except torch.OutOfMemoryError as error:
            self.leave(slot.plan.trial)
            return _too_large(slot.plan.trial, f"its answers to the dev split do not fit into memory ({error})")

    def _shrink(self, slots: list[Slot]) -> list[Report | Failure]:
        """Take a pass back that memory did not hold, and go on with smaller ones.

        Passes have half as many tokens from then on; a batch of a dev split that does not fit alone is only cut in two.
        A training example that does not fit alone is tried once more on a backbone that keeps less for the backward
        pass, and passes may be large again. A trial whose single example still does not fit fails.
        """
        first, scoring = slots[0], slots[0].phase is Phase.SCORING
        sizes = [slot.taken_size() for slot in slots]
        examples, rows, width = (
            sum(size[0] for size in sizes),
            sum(size[1] for size in sizes),
            max(size[2] for size in sizes),
        )
        for slot in slots:
            slot.take_back()
        if self.backbone.layers is not None:
            self.backbone.layers.let_go()
        if self.backbone.device.type == "cuda":
            torch.cuda.empty_cache()
        if scoring and len(slots) == 1 and first.halve():
            return []
        if len(slots) > 1 or (examples > 1 and not scoring):
            self.token_budget = max(1, min(self.token_budget, rows * width) // 2)
            return []
        saving = None if first.learner.needs_own_pass or scoring else self.backbone.saving()
        if saving is not None:
            _LOG.warning("%d rows of %d tokens do not fit into memory: layers are computed anew, not kept", rows, width)
            self.backbone, self.token_budget = saving, self._first_budget
            return []
        self.leave(first.plan.trial)
        split = "dev" if scoring else "training"
        problem = f"an example of its {split} split, {rows} rows of {width} tokens, does not fit into memory alone"
        return [_too_large(first.plan.trial, problem)]

    def _pack(self) -> list[Slot]:
        """The slots of the next pass: the longest-waiting one, and those whose batches fit beside its own.

        A batch fits if the pass stays within the token budget and wastes little on padding; one that does not
        fit waits for a pass of its own width, and moves to the front meanwhile, so that no trial starves. Training
        and scoring take passes of their own, and so does a learner that needs its own pass.
        """
        chosen: list[Slot] = []
        rows = width = tokens = 0
        for slot in [self._slots[trial] for trial in self._waiting]:
            if not slot.wants_work or (chosen and not _share(chosen[0], slot)):
                continue
            slot_rows, slot_width = slot.next_shape(self.token_budget)
            padded = (rows + slot_rows) * max(width, slot_width)
            if chosen and padded > min(self.token_budget, (tokens + slot_rows * slot_width) * (1 + _PADDING)):
                continue
            rows, width, tokens = rows + slot_rows, max(width, slot_width), tokens + slot_rows * slot_width
            chosen.append(slot)
        for slot in chosen:
            self._waiting.remove(slot.plan.trial)
            self._waiting.append(slot.plan.trial)
        return chosen

    def _settle_batch(self, slot: Slot, loss: float) -> Failure | None:
        """Go on after a mini-batch, or a part of one: to the dev split after the report's last."""
        trial = slot.plan.trial
        if not math.isfinite(loss):
            self.leave(trial)
            return _diverged(trial, "training loss", loss, slot.epoch_under_way)
        if slot.finish_part(loss):
            slot.begin_scoring(self.token_budget)
        return None

    def _settle_scores(self, slot: Slot, answers: Sequence[Any]) -> Report | Failure | None:
        """Go on after a batch of the dev split: to the report after the last."""
        if not slot.finish_scores(answers):
            return None
        outcome = self._finish_epoch(slot)
        self._open(slot)
        return outcome

    def _open(self, slot: Slot) -> None:
        """Let a slot without anything to train go on to its report, which is scoring alone."""
        if slot.wants_work and not slot.trains and slot.phase is not Phase.SCORING:
            slot.begin_scoring(self.token_budget)

    def _finish_epoch(self, slot: Slot) -> Report | Failure:
        """Measure a slot's answers to its dev split, report and save it."""
        trial, plan = slot.plan.trial, slot.plan
        dev = slot.dev
        answers = plan.task.complete(self.backbone, slot.learner, dev, slot.answers, self.token_budget)
        metrics = with_joint_metric(plan.task.measure(answers, dev), plan.objective.metric)
        if dev is not plan.dev:
            metrics[DEV_EXAMPLES] = float(len(dev.splits[0]))
        if not math.isfinite(metrics["loss"]):
            self.leave(trial)
            return _diverged(trial, "dev loss", metrics["loss"], slot.epoch_under_way)
        report = slot.finish_epoch(
            metrics, self.backbone.shape.parameters, max(map(_peak_memory, self.backbone.devices))
        )
        save(slot)
        return Report(trial, slot.epoch, report)


def _share(first: Slot, second: Slot) -> bool:
    """Whether two slots may share a pass."""
    own_pass = first.learner.needs_own_pass or second.learner.needs_own_pass
    return first.phase is second.phase and not own_pass


def _share_time(slots: Sequence[Slot], seconds: float) -> None:
    """Give each slot of a pass its share of the pass's time, by its tokens among all, its own padding included.

    A GPU works behind the process that drives it, so the end of a pass may count in the pass after it.
    """
    tokens = [rows * width for _, rows, width in map(Slot.taken_size, slots)]
    for slot, count in zip(slots, tokens, strict=True):
        slot.take_time(seconds * count / sum(tokens))


def _too_large(trial: int, problem: str) -> Failure:
    return Failure(trial, EngineError(f"trial {trial}: {problem}; a smaller length or max_length may"))


def _diverged(trial: int, quantity: str, value: float, epoch: int) -> Failure:
    return Failure(trial, DivergedError(f"trial {trial}: {diverged(quantity, value, epoch)}"))


def _peak_memory(device: torch.device) -> float:
    """Peak memory in MB: of the device for GPUs, else the largest resident size of this process so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
