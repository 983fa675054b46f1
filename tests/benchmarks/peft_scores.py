"""What a trial of the search by hand scores with what one of its epochs has trained."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import peft_search
import torch


def accuracy(config: dict[str, Any], sets: Any, state: Path, split: str = "test") -> float:
    """The accuracy on a split of `sets`.

    Args:
        config: the trial's, see `peft_search.train`.
        sets: tokenised data.
        state: what the trial has saved of an epoch.
        split: which split is scored.
    """
    with tempfile.TemporaryDirectory() as folder:
        trainer = peft_search.trainer_of(config, sets, folder)
        trained = torch.load(state, weights_only=True)
        absent = trainer.model.load_state_dict(trained, strict=False).unexpected_keys
        assert not absent, f"{state} holds {absent}, which the model does not have"
        found: dict[str, float] = trainer.evaluate(sets[split])
    return found["eval_accuracy"]
