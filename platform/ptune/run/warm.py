"""What a trial starts from that is to go on with what another one has learned: a file beside its states."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ptune.errors import EngineError
from ptune.files import replacing
from ptune.record.history import TrialRecord
from ptune.run.trial_states import TrialStates
from ptune.searching.parents import left_by
from ptune.spec.inherited import Inherited
from ptune.spec.trial import Config
from ptune.storage.states import start_file

_ABOUT = "about"  # the key under which the file tells of the trial that has learned


@dataclass(frozen=True)
class Learned:
    """What a trial starts from."""

    tensors: Mapping[str, Tensor]
    """The collapsed learner of another one."""
    config: Config | None
    """The configuration of that trial; None where an earlier version kept the file, for a prompt of the same shape."""
    inherited: Inherited | None
    """Whose learner it is; None in the same case."""
    request: str | None
    """The request of a warm clone; None for a trial that inherits, and where an earlier version kept the file."""


def keep_start(folder: Path, parent: TrialRecord, trial: int, request: str | None = None) -> None:
    """Keep the learner of a trial's best epoch as the start of another trial, on this disk and in the bucket if any.

    Args:
        folder: the search's folder.
        parent: the trial that has learned; it has a report.
        trial: the number of the trial that starts.
        request: the request that asks for a warm clone; None where the trial inherits.

    Raises:
        EngineError: the parent's saved states are damaged.
    """
    states = TrialStates(folder)
    saved, problems = states.best(parent)
    if saved is None:
        raise problems[0]
    about = {"config": saved.config, "inherited": vars(left_by(parent)), "request": request}
    with replacing(folder / start_file(trial)) as draft:
        save_file(saved.best, draft, metadata={_ABOUT: json.dumps(about)})
    states.send_start(trial)


def learned(folder: Path, trial: int) -> Learned | None:
    """What a trial starts from; None for a trial that starts afresh.

    Raises:
        EngineError: the file is damaged.
    """
    path = folder / start_file(trial)
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as stream:
            about = json.loads((stream.metadata() or {}).get(_ABOUT, "{}"))
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise EngineError(f"{path} is damaged: {error}") from None
    return Learned(
        tensors, about.get("config"), Inherited(**about["inherited"]) if about else None, about.get("request")
    )
