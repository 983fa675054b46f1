"""Work for an engine: P-tuning v2 trials on SST-2, and the time and tokens of their passes. Knows no question."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from ptune.backbone.backbone import Backbone
from ptune.data.sources import Split, Splits
from ptune.engine.fused import Engine
from ptune.engine.slots import Plan
from ptune.files import value_hash
from ptune.prompts.learner import Learner
from ptune.run.trials import TrialFactory
from ptune.spec.job import Job

BACKBONE = "packaged:minilm"
ROWS = 32
_BATCHES = 24  # of an epoch: more than any benchmark takes, so that none closes an epoch


@dataclass(frozen=True)
class Setting:
    """What trains together.

    Attributes:
        slots: trials in a pass.
        tokens: of each row; None takes the sentences as they come.
        length: of each prompt.
        depth: how many of the last layers have a prompt; None is all of them.
        budget: most tokens of a pass.
        flat_gradients: whether gradients are clipped in one flat tensor.
    """

    slots: int = 4
    tokens: int | None = 14
    length: int = 20
    depth: int | None = None
    budget: int = 2**40
    flat_gradients: bool = False


@dataclass(frozen=True)
class Pass:
    """One pass of an engine: its wall time, and the tokens of each row of each mini-batch in it."""

    seconds: float
    batches: Sequence[Sequence[int]]

    @property
    def per_step(self) -> float:
        """Seconds for each trial that made a step."""
        return self.seconds / len(self.batches)


@dataclass
class Listening:
    """A task that notes which mini-batches it is asked the loss of; otherwise the task that it holds."""

    task: Any
    batches: list[list[int]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)

    def loss(self, scored: Any) -> Any:
        self.batches.append(scored.examples.lengths[scored.indices].tolist())
        return self.task.loss(scored)


class Load:
    """An engine whose slots are all taken and have work, to be run pass by pass."""

    def __init__(
        self, backbone: Backbone, sentences: Sequence[tuple[str, int]], setting: Setting, folder: Path
    ) -> None:
        self.setting = setting
        self.engine = Engine(backbone, setting.budget, flat_gradients=setting.flat_gradients)
        self.plans: list[Plan] = []
        self.learners: list[Learner] = []
        self._heard: list[Listening] = []
        factory = TrialFactory(_job(setting.tokens), [_splits(sentences, setting.tokens)], backbone, folder)
        depth = {} if setting.depth is None else {"depth": setting.depth}
        config = {"method": "v2", "length": setting.length, "batch_size": ROWS, "positions": "unshifted", **depth}
        for number in range(setting.slots):
            plan, learner = factory.make(number, config)
            self.plans.append(plan)
            self.learners.append(learner)
            self._heard.append(Listening(plan.task))
            self.engine.join(replace(plan, task=self._heard[-1]), learner)
            self.engine.advance(number, 1)

    def step(self) -> Pass:
        """Run one pass."""
        device = self.engine.backbone.device
        for heard in self._heard:
            heard.batches.clear()
        began = clock(device)
        outcomes = self.engine.step()
        seconds = clock(device) - began
        assert not outcomes, f"no epoch ends in a benchmark: {outcomes}"
        return Pass(seconds, [batch for heard in self._heard for batch in heard.batches])


def interleaved(loads: Mapping[Any, Load], passes: int, warm: int = 1) -> dict[Any, list[Pass]]:
    """Passes of several loads in turn, so that a machine that slows down slows all of them; warm-ups are left out."""
    taken: dict[Any, list[Pass]] = {name: [] for name in loads}
    for _ in range(warm + passes):
        for name, load in loads.items():
            taken[name].append(load.step())
    return {name: each[warm:] for name, each in taken.items()}


def per_step(passes: Sequence[Pass]) -> float:
    """Median seconds per trial and step."""
    return median(one.per_step for one in passes)


def learned_bytes(load: Load) -> int:
    """What all trials train, with Adam's two moments of it."""
    return 3 * sum(one.nbytes for learner in load.learners for one in learner.parameters() if one.requires_grad)


def clock(device: torch.device) -> float:
    """Seconds, when all that the device was given is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def read_sentences(folder: Path, count: int = 20_000) -> list[tuple[str, int]]:
    """The first sentences of SST-2's training split with their labels."""
    with (folder / "train_full.tsv").open(encoding="utf-8") as stream:
        rows = [line.rstrip("\n").split("\t") for line in itertools.islice(stream, 1, count + 1)]
    return [(text, int(label)) for text, label in rows]


def _splits(sentences: Sequence[tuple[str, int]], tokens: int | None) -> Splits:
    """Enough mini-batches of sentences as they come, or of texts that fill `tokens`; the first of them are dev."""
    count = ROWS * _BATCHES
    chosen = sentences[:count] if tokens is None else list(itertools.islice(_texts(sentences, tokens), count))
    assert len(chosen) == count, f"{len(sentences)} sentences make {len(chosen)} of {count} texts"
    texts, labels = [(text,) for text, _ in chosen], [label for _, label in chosen]
    train = Split(texts, labels, source="sst2", digest=value_hash([texts, labels]))
    return Splits(train, train.pick(range(ROWS)), None, ["negative", "positive"])


def _texts(sentences: Sequence[tuple[str, int]], words: int) -> Iterator[tuple[str, int]]:
    """Sentences one after another, until each text has `words` words; a word is a token or more."""
    parts: list[str] = []
    for text, label in sentences:
        parts += text.split()
        if len(parts) >= words:
            yield " ".join(parts), label
            parts = []


def _job(tokens: int | None) -> Job:
    return Job.model_validate(
        {
            "name": "benchmark",
            "seed": 7,
            "backbone": {"id": BACKBONE},
            "task": {"data": {"source": "builtin:none", "max_length": tokens or 128}},
            "space": {"parameters": {"method": {"value": "v2"}}},
            "budget": {"trials": 1, "epochs": 2},
        }
    )
