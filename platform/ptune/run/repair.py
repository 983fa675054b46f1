"""What is damaged in a search's folder, what of it can be kept, and how it is put in order."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from ptune.artifacts.load import load_artifact
from ptune.engine.state import DAMAGED, SavedState, previous, read
from ptune.errors import ArtifactError, EngineError, JournalError
from ptune.record.events import Suggested
from ptune.record.journal import JOURNAL, check_not_running, rewrite
from ptune.record.recovery import Recovery, recover
from ptune.run.conclusion import ARTIFACT
from ptune.run.trial_states import state_file
from ptune.run.warm import learned
from ptune.spec.job import Job
from ptune.storage.local_copy import url_of


@dataclass(frozen=True)
class DamagedState:
    """A saved state that cannot be read."""

    trial: int
    file: Path
    reason: str
    reports: int
    """Reports that the trial's other state holds; 0 where there is no sound one."""


@dataclass(frozen=True)
class Damage:
    """What is wrong in a search's folder."""

    folder: Path
    journal: Recovery
    states: list[DamagedState]
    artifact: str | None
    """Why the exported prompt cannot be read; None where it can, and where there is none."""

    @property
    def is_none(self) -> bool:
        """Whether all is well."""
        return self.journal.is_whole and not self.states and self.artifact is None


def examine(folder: Path) -> Damage:
    """Find out what is damaged in a search's folder. Changes nothing.

    Raises:
        JournalError: a process runs the search, or nothing of its journal can be recovered.
    """
    check_not_running(folder / JOURNAL)
    journal = recover((folder / JOURNAL).read_bytes(), lambda trial, job: _suggestion(folder, trial, job))
    states = [damaged for trial in journal.history.trials for damaged in _damaged_states(folder, trial)]
    return Damage(folder, journal, states, _artifact_problem(folder / ARTIFACT))


def mend(damage: Damage) -> list[Path]:
    """Put a folder in order: the journal holds what can be kept, and what is damaged is set aside.

    Returns:
        Where the damaged files are now.

    Raises:
        JournalError: a process runs the search by now, or it is the copy of a bucket.
    """
    journal, aside = damage.journal, []
    if not journal.is_whole:
        if (url := url_of(damage.folder)) is not None:
            raise JournalError(
                f"{damage.folder} is this machine's copy of {url}, whose segments never change: remove the folder, "
                "and the next command brings the journal from there"
            )
        aside.append(_free_name(damage.folder / JOURNAL))
        rewrite(damage.folder / JOURNAL, b"".join(journal.lines), kept=aside[0])
    damaged = [state.file for state in damage.states]
    for path in damaged if damage.artifact is None else [*damaged, damage.folder / ARTIFACT]:
        aside.append(_free_name(path))
        path.replace(aside[-1])
    return aside


def _suggestion(folder: Path, trial: int, job: Job) -> Suggested | None:
    """A trial's configuration, as its saved state has it, and what it has begun with of another one, as `Known` has it.

    Earlier versions kept the start of a warm clone without its request; where no trial inherits, it is a clone's.
    """
    states = [state for _, state in _states(folder, trial) if isinstance(state, SavedState)]
    config = next((state.config for state in states if state.trial == trial), None)
    if config is None:
        return None
    with contextlib.suppress(EngineError):  # the trial goes on from its states
        start = learned(folder, trial)
        if start is not None and start.inherited is not None:
            if start.request is None and job.budget.inherit:
                return Suggested(trial, config, inherits=start.inherited)
            return Suggested(trial, config, start.request, start.inherited.trial, warm=True)
    return Suggested(trial, config)


def _damaged_states(folder: Path, trial: int) -> list[DamagedState]:
    states = _states(folder, trial)
    reports = max((len(state.history) for _, state in states if isinstance(state, SavedState)), default=0)
    return [
        DamagedState(trial, path, str(state).removeprefix(f"{path} "), reports)
        for path, state in states
        if isinstance(state, EngineError)
    ]


def _states(folder: Path, trial: int) -> list[tuple[Path, SavedState | EngineError]]:
    """The files of a trial's states, with what they hold or why they cannot be read."""
    latest = folder / state_file(trial)
    states: list[tuple[Path, SavedState | EngineError]] = []
    for path in filter(Path.exists, (latest, previous(latest))):
        try:
            states.append((path, read(path)))
        except EngineError as error:
            states.append((path, error))
    return states


def _artifact_problem(folder: Path) -> str | None:
    if not folder.is_dir():
        return None
    try:
        load_artifact(folder)
    except ArtifactError as error:
        return str(error)
    return None


def _free_name(path: Path) -> Path:
    """Where a damaged file is kept beside its place."""
    names = (path.with_name(f"{path.name}{DAMAGED}{'' if number == 1 else f'-{number}'}") for number in range(1, 10**9))
    return next(name for name in names if not name.exists())
