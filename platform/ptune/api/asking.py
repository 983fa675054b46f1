"""Changing a search that has begun, in Python; `ptune trial`, `ptune extend` and `ptune stop` do the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ptune.api.arguments import as_count, as_values

if TYPE_CHECKING:
    from ptune.record.requests import Change
    from ptune.run.asking import Asked


def add(folder: Path, config: Mapping[str, object] | None) -> int | None:
    """See `ptune.api.result.SearchResult.add`."""
    from ptune.record.requests import Add

    return _number(_asked(folder, Add(as_values(config, "config"))))


def clone(folder: Path, trial: int, config: Mapping[str, object] | None, *, warm: bool) -> int | None:
    """See `ptune.api.result.SearchResult.clone`."""
    from ptune.record.requests import Clone

    return _number(_asked(folder, Clone(as_count(trial, "trial"), as_values(config, "config"), warm)))


def stop(folder: Path, trial: int | None) -> bool:
    """See `ptune.api.result.SearchResult.stop`."""
    from ptune.record.requests import End, Stop

    change = End() if trial is None else Stop(as_count(trial, "trial"))
    return _asked(folder, change).answer is not None


def extend(folder: Path, trials: int) -> bool:
    """See `ptune.api.result.SearchResult.extend`."""
    from ptune.record.requests import Extend

    return _asked(folder, Extend(as_count(trials, "trials"))).answer is not None


def _asked(folder: Path, change: Change) -> Asked:
    from ptune.run.asking import ask

    return ask(folder, change)


def _number(asked: Asked) -> int | None:
    """The number of the trial that answers a request; None while nothing does."""
    from ptune.record.events import Suggested

    return asked.answer.trial if isinstance(asked.answer, Suggested) else None
