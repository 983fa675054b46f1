"""Which parameters MLflow gets from a search: of a trial what the search varies, of the search what stays the same.

Pure. MLflow compares runs by their parameters and takes every one of them into its plots, so a trial has none that is
the same in all trials, and a parameter that a trial does not have is absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ptune.record.events import Header
from ptune.spec.trial import Config
from ptune.spec.varied import constant

_TABLES = ("backbone", "task", "budget", "resources")  # of the job; its space has a file of its own


def trial_params(config: Config, names: list[str]) -> dict[str, str]:
    """The parameters of a trial's run: those of `names` that it has."""
    return {name: param_text(value) for name in names if (value := config.get(name)) is not None}


def constant_params(header: Header) -> Config:
    """What no trial's run has, because it is the same in all of them; values without one are left out."""
    return {name: value for name, value in constant(header.job.space).items() if name not in header.varied}


def search_params(header: Header) -> dict[str, str]:
    """The parameters of a search's run: its job, with dotted keys as `--set` takes them, and `trial.` what is constant.

    What its trials start from is told by `start.`. Settings without a value are left out.
    """
    tables = header.job.model_dump(mode="json", include=set(_TABLES))
    tables["backbone"] |= vars(header.backbone)
    settings = {name: tables[name] for name in _TABLES} | {"seed": header.job.seed, "trial": constant_params(header)}
    if header.start is not None:
        settings["start"] = vars(header.start)
    return dict(_flat(settings))


def param_text(value: object) -> str:
    """A parameter's value as MLflow shows it: of a number, the five digits for which a column has room."""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", param_text(value)
