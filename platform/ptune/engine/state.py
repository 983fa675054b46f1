"""A slot on disk: one safetensors file that describes itself, written whole or not at all, never a pickle.

Saved between epochs, when the place in the data is the epoch alone. Restoring and going on equals never having
stopped: it holds the encoder's weights, the optimiser's moments, the random stream and every report.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ptune.engine.slots import Slot
from ptune.errors import EngineError
from ptune.files import replacing

_FORMAT = "ptune-state-1"


def save(slot: Slot) -> None:
    """Write the slot's state to its plan's `state_path`."""
    tensors = {f"learner.{name}": tensor for name, tensor in slot.learner.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in slot.best.items()}
    tensors |= {
        f"optimizer.{index}.{name}": torch.as_tensor(value)
        for index, moments in _moments(slot).items()
        for name, value in moments.items()
    }
    tensors["generator"] = slot.generator.get_state()
    plan = slot.plan
    about = {"config": plan.config, "trial": plan.trial, "history": slot.history, "metric": plan.metric}
    about["dtype"] = plan.dtype
    detached = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    with replacing(slot.plan.state_path) as draft:
        save_file(detached, draft, metadata={"format": _FORMAT, "about": json.dumps(about)})


def restore(slot: Slot) -> None:
    """Bring a fresh slot to its saved state.

    Raises:
        EngineError: the file is damaged, or belongs to another trial or configuration.
    """
    about, tensors = read(slot.plan.state_path)
    if (about["trial"], about["config"]) != (slot.plan.trial, slot.plan.config):
        raise EngineError(
            f"{slot.plan.state_path} holds trial {about['trial']} with {about['config']}, "
            f"not trial {slot.plan.trial} with {slot.plan.config}"
        )
    slot.learner.load_state_dict(_under("learner.", tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under("optimizer.", tensors).items():
        index, _, key = name.partition(".")
        moments.setdefault(int(index), {})[key] = tensor
    if slot.optimizer is not None:
        slot.optimizer.load_state_dict({**slot.optimizer.state_dict(), "state": moments})
    slot.generator.set_state(tensors["generator"])
    slot.best = _under("best.", tensors)
    slot.history = about["history"]


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a state file's description (trial, config, history, metric) and its tensors.

    Raises:
        EngineError: the file is missing or not a state of this format.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise EngineError(f"{path} is not a readable trial state: {error}") from None
    if metadata.get("format") != _FORMAT:
        raise EngineError(f"{path} has the format {metadata.get('format')!r}; this version reads {_FORMAT!r}")
    return json.loads(metadata["about"]), tensors


def best_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The collapsed learner of the best epoch, from a state's tensors."""
    return _under("best.", tensors)


def _moments(slot: Slot) -> dict[int, dict[str, Tensor]]:
    if slot.optimizer is None:
        return {}
    moments: dict[int, dict[str, Tensor]] = slot.optimizer.state_dict()["state"]
    return moments


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
