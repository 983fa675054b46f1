"""What the search by hand is fastest with on this machine: the type of the weights and the attention, measured.

On processors that multiply bfloat16, it halves the time of float32; on others it takes longer.
"""

from __future__ import annotations

import tempfile
import time
from typing import Any

import peft_search
from transformers import TrainerCallback

STEPS, SCORED, ROUNDS = 6, 3, 2
"""Mini-batches of training and of scoring, about in the relation of 2,000 sentences to 872; and how often."""
CHOICES = [(dtype, attention) for dtype in ("bfloat16", "float32") for attention in ("eager", "sdpa")]


class _Clock(TrainerCallback):
    def __init__(self) -> None:
        self.at: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.at.append(time.perf_counter())

    def on_evaluate(self, *_: Any, **__: Any) -> None:
        self.at.append(time.perf_counter())


def fastest(config: dict[str, Any], sets: Any) -> tuple[dict[str, str], dict[str, float]]:
    """The `dtype` and `attention` that take the least time for a few mini-batches, and the seconds of each choice.

    Args:
        config: of a trial, see `peft_search.train`.
        sets: tokenised data.
    """
    few = {
        split: sets[split].select(range(min(len(sets[split]), batches * peft_search.BATCH)))
        for split, batches in (("train", STEPS), ("dev", SCORED))
    }
    took = dict.fromkeys(CHOICES, float("inf"))
    for _ in range(ROUNDS):  # in turns, so that a machine that slows down slows all of them
        for choice in CHOICES:
            took[choice] = min(took[choice], _seconds(config, few, *choice))
    best = min(took, key=lambda choice: took[choice])
    named = {f"{dtype}, {attention}": seconds for (dtype, attention), seconds in took.items()}
    return {"dtype": best[0], "attention": best[1]}, named


def _seconds(config: dict[str, Any], sets: Any, dtype: str, attention: str) -> float:
    """Of an epoch behind its first step, which takes longer than others."""
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        once = {**config, "dtype": dtype, "attention": attention, "epochs": 1}
        peft_search.trainer_of(once, sets, folder, [clock]).train()
    return clock.at[-1] - clock.at[0]
