"""What a trial starts from that is to go on with what another one has learned: a file beside its states."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ptune.errors import EngineError
from ptune.files import replacing
from ptune.record.history import TrialRecord
from ptune.run.trial_states import TrialStates
from ptune.storage.states import start_file


def keep_start(folder: Path, parent: TrialRecord, trial: int) -> None:
    """Keep the learner of a trial's best epoch as the start of another trial, on this disk and in the bucket if any.

    Args:
        folder: the search's folder.
        parent: the trial that has learned; it has a report.
        trial: the number of the trial that starts.

    Raises:
        EngineError: the parent's saved states are damaged.
    """
    states = TrialStates(folder)
    saved, problems = states.best(parent)
    if saved is None:
        raise problems[0]
    with replacing(folder / start_file(trial)) as draft:
        save_file(saved.best, draft)
    states.send_start(trial)


def starting_tensors(folder: Path, trial: int) -> Mapping[str, Tensor]:
    """The collapsed learner that a trial starts from; empty for a trial that starts afresh.

    Raises:
        EngineError: the file is damaged.
    """
    path = folder / start_file(trial)
    if not path.exists():
        return {}
    try:
        tensors: Mapping[str, Tensor] = load_file(path)
    except SafetensorError as error:
        raise EngineError(f"{path} is damaged: {error}") from None
    return tensors
