"""A slot on disk: one safetensors file that describes itself, written whole or not at all, never a pickle.

A slot is saved at its reports, whose number says where in the data it is. The file holds the
encoder's weights, the optimiser's moments, the random stream and every report, so restoring a slot and going on equals
never having stopped.

The state before the latest one is kept beside it. A state knows its own checksum, so damage is noticed. Damage is like
absence: the damaged file is set aside, and the trial goes on from the other state, or from its start.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ptune.engine.slots import Slot
from ptune.errors import EngineError, PtuneError, SpecError, StorageError
from ptune.files import replacing
from ptune.record.events import SetAside
from ptune.spec.trial import Config, TrialSpec

_FORMAT = "ptune-state-1"
DAMAGED = ".damaged"
"""What a file that is set aside has behind its name."""

_Moments = dict[str, Tensor]
"""What torch's optimiser keeps for one parameter, under torch's names."""


@dataclass(frozen=True)
class SavedState:
    """What a state file holds.

    Attributes:
        trial: the trial's number.
        config: its flat configuration.
        history: its reports.
        metric: the dev metric whose best report is kept.
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
        """The collapsed learner of the best report."""
        return _under("best.", self.tensors)


def save(slot: Slot) -> None:
    """Write the slot's state to its plan's `state_path`.

    Raises:
        StorageError: the disk is full, or the search's folder is gone.
    """
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
    folder = plan.state_path.parents[2]
    if not folder.is_dir():  # or it would be made anew, with this file alone
        raise StorageError(f"{folder} is gone: it was moved or removed while its search ran")
    text = json.dumps(description)
    metadata = {"format": _FORMAT, "about": text, "checksum": _checksum(text, detached)}
    with replacing(plan.state_path, sum(tensor.nbytes for tensor in detached.values())) as draft:
        save_file(detached, draft, metadata=metadata)
        if plan.state_path.exists():
            plan.state_path.replace(previous(plan.state_path))


def previous(path: Path) -> Path:
    """Where the state is kept that was saved before the one at `path`."""
    return path.with_stem(f"{path.stem}.previous")


def restore(slot: Slot) -> list[SetAside]:
    """Bring a fresh slot to its last sound state; where there is none, it stays as it is.

    Returns:
        The files that were set aside, because they are damaged or hold another trial.

    Raises:
        OSError: a file cannot be set aside.
    """
    damaged: list[tuple[Path, PtuneError]] = []
    for path in filter(Path.exists, (slot.plan.state_path, previous(slot.plan.state_path))):
        try:
            saved = read(path)
            _check_is_of(saved, slot, path)
        except (EngineError, SpecError) as error:
            path.replace(path.with_name(path.name + DAMAGED))
            damaged.append((path, error))
        else:
            _bring_to(slot, saved)
            break
    return [
        SetAside(slot.plan.trial, slot.epoch, "/".join(path.parts[-3:]), str(error).removeprefix(f"{path} "))
        for path, error in damaged
    ]


def read(path: Path) -> SavedState:
    """Read a state file.

    Raises:
        EngineError: the file is missing, damaged, or not a state of this format.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise EngineError(f"{path} is not a readable trial state: {error}") from None
    if metadata.get("format") != _FORMAT:
        raise EngineError(f"{path} has the format {metadata.get('format')!r}; this version reads {_FORMAT!r}")
    text = metadata.get("about", "")
    if metadata.get("checksum", _checksum(text, tensors)) != _checksum(text, tensors):  # earlier versions wrote none
        raise EngineError(f"{path} is damaged: its content does not have its checksum")
    try:
        return SavedState(**json.loads(text), tensors=tensors)
    except (ValueError, TypeError) as error:
        raise EngineError(f"{path} is damaged: {error}") from None


def read_sound(
    path: Path, wanted: Callable[[list[dict[str, float]]], bool]
) -> tuple[SavedState | None, list[EngineError]]:
    """The latest of a trial's saved states that can be read and is wanted, and what is wrong with those after it.

    Args:
        path: the trial's latest state.
        wanted: whether a state with these reports is.
    """
    problems: list[EngineError] = []
    for candidate in (path, previous(path)):
        try:
            saved = read(candidate)
        except EngineError as error:
            problems.append(error)
            continue
        if wanted(saved.history):
            return saved, problems
        held = len(saved.history)
        problems.append(EngineError(f"{candidate}, saved at report {held}, does not hold the learner of the best one"))
    return None, problems


def _check_is_of(saved: SavedState, slot: Slot, path: Path) -> None:
    """Refuse the state of another trial, and one that a slot has no room for, before anything of it is taken.

    Raises:
        EngineError: it does not fit.
    """
    plan = slot.plan
    if (saved.trial, _complete(saved.config)) != (plan.trial, plan.config):
        raise EngineError(
            f"{path} holds trial {saved.trial} with {saved.config}, not trial {plan.trial} with {plan.config}"
        )
    learner = {f"learner.{name}": tensor for name, tensor in slot.learner.state_dict().items()}
    expected = _shapes({**learner, "generator": slot.generator.get_state()})
    shapes = _shapes(saved.tensors)
    misfits = [name for name in expected if shapes.get(name) != expected[name]]
    parameters = _parameters(slot)
    for name, tensor in _under("optimizer.", saved.tensors).items():
        index = int(name.partition(".")[0])
        if index >= len(parameters) or tensor.shape not in (parameters[index].shape, torch.Size([])):
            misfits.append(f"optimizer.{name}")
    if misfits:
        raise EngineError(f"{path} does not fit its trial: {', '.join(sorted(misfits)[:3])} has another shape")


def _bring_to(slot: Slot, saved: SavedState) -> None:
    """Give a slot everything that a state of its own holds."""
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


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of a state's description and of its tensors, with their names, types and shapes."""
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _parameters(slot: Slot) -> list[Tensor]:
    """What the optimiser steps, in the order of its state."""
    groups = [] if slot.optimizer is None else slot.optimizer.param_groups
    return [parameter for group in groups for parameter in group["params"]]


def _complete(config: Config) -> Config:
    """A configuration with the defaults of parameters that the version which saved it did not have."""
    return TrialSpec.from_config(config).to_config()


def saved_epochs(path: Path) -> int:
    """How many reports a state file holds; none if it is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as stream:
            return len(json.loads((stream.metadata() or {})["about"])["history"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return 0


def _moments(slot: Slot) -> dict[int, _Moments]:
    if slot.optimizer is None:
        return {}
    moments: dict[int, _Moments] = slot.optimizer.state_dict()["state"]
    return moments


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
