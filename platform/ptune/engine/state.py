"""A slot on disk: one safetensors file that describes itself, written whole or not at all, never a pickle.

A slot is saved between epochs, when the number of finished epochs says where in the data it is. The file holds the
encoder's weights, the optimiser's moments, the random stream and every report, so restoring a slot and going on equals
never having stopped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ptune.engine.slots import Slot
from ptune.errors import EngineError
from ptune.files import replacing
from ptune.spec.trial import Config, TrialSpec

_FORMAT = "ptune-state-1"

_Moments = dict[str, Tensor]
"""What torch's optimiser keeps for one parameter, under torch's names."""


@dataclass(frozen=True)
class SavedState:
    """What a state file holds.

    Attributes:
        trial: the trial's number.
        config: its flat configuration.
        history: metrics of every finished epoch.
        metric: the dev metric whose best epoch is kept.
        dtype: type of the backbone's weights.
        tensors: `learner.*`, `best.*`, `optimizer.INDEX.*` and `generator`.
    """

    trial: int
    config: Config
    history: list[dict[str, float]]
    metric: str
    dtype: str
    tensors: dict[str, Tensor]

    @property
    def best(self) -> dict[str, Tensor]:
        """The collapsed learner of the best epoch."""
        return _under("best.", self.tensors)


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
    description = {
        "config": plan.config,
        "trial": plan.trial,
        "history": slot.history,
        "metric": plan.objective.metric,
        "dtype": plan.dtype,
    }
    # safetensors refuses tensors that share memory, such as tied weights of a tuned backbone; clones share none.
    detached = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    with replacing(plan.state_path) as draft:
        save_file(detached, draft, metadata={"format": _FORMAT, "about": json.dumps(description)})


def restore(slot: Slot) -> None:
    """Bring a fresh slot to its saved state.

    Raises:
        EngineError: the file is damaged, or belongs to another trial or configuration.
    """
    plan = slot.plan
    saved = read(plan.state_path)
    if (saved.trial, _complete(saved.config)) != (plan.trial, plan.config):
        raise EngineError(
            f"{plan.state_path} holds trial {saved.trial} with {saved.config}, "
            f"not trial {plan.trial} with {plan.config}"
        )
    slot.learner.load_state_dict(_under("learner.", saved.tensors))
    moments: dict[int, _Moments] = {}
    for name, tensor in _under("optimizer.", saved.tensors).items():
        index, _, key = name.partition(".")
        moments.setdefault(int(index), {})[key] = tensor
    if slot.optimizer is not None:
        slot.optimizer.load_state_dict({**slot.optimizer.state_dict(), "state": moments})
    slot.generator.set_state(saved.tensors["generator"])
    slot.best = saved.best
    slot.history = saved.history


def read(path: Path) -> SavedState:
    """Read a state file.

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
    return SavedState(**json.loads(metadata["about"]), tensors=tensors)


def _complete(config: Config) -> Config:
    """A configuration with the defaults of parameters that the version which saved it did not have."""
    return TrialSpec.from_config(config).to_config()


def _moments(slot: Slot) -> dict[int, _Moments]:
    if slot.optimizer is None:
        return {}
    moments: dict[int, _Moments] = slot.optimizer.state_dict()["state"]
    return moments


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
