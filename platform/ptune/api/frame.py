"""All trials of a search as a pandas DataFrame. The only module that loads pandas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from ptune.record.history import History, TrialRecord
    from ptune.spec.trial import Scalar


def trials_frame(history: History) -> pd.DataFrame:
    """One row for each trial, in the order of their numbers; see `ptune.api.result.SearchResult.trials`."""
    trials = [history.trials[number] for number in sorted(history.trials)]
    metric = history.objective.metric
    epochs = "Int64" if history.job.budget.reports_per_epoch == 1 else "Float64"
    columns = {
        "number": pd.Series([trial.number for trial in trials], dtype="Int64"),
        "status": pd.Series([trial.status for trial in trials], dtype="string"),
        **{name: _parameter(history, name, trials) for name in history.header.varied},
        metric: _numbers([trial.best_value for trial in trials]),
        "best_epoch": pd.Series([_best_epoch(trial) for trial in trials], dtype=epochs),
        "loss": _numbers([_kept(trial, "loss") for trial in trials]),
        "trained_epochs": pd.Series([trial.trained_epochs for trial in trials], dtype=epochs),
        "seconds": _numbers([sum(report.get("seconds", 0.0) for report in trial.reports) for trial in trials]),
        "trainable_parameters": _numbers([_kept(trial, "trainable_parameters") for trial in trials]).astype("Int64"),
        "reason": pd.Series([trial.reason for trial in trials], dtype="string"),
    }
    return pd.DataFrame(columns | _parts(trials) | _inherits(trials) | _beside(history, trials, set(columns)))


def _parts(trials: Sequence[TrialRecord]) -> dict[str, pd.Series[Any]]:
    """How many dev examples each trial is scored on that is scored on a part of dev; nothing where none is."""
    examples = [trial.dev_examples for trial in trials]
    return {"dev_examples": pd.Series(examples, dtype="Int64")} if any(examples) else {}


def _inherits(trials: Sequence[TrialRecord]) -> dict[str, pd.Series[Any]]:
    """The trial from which each one inherits; nothing where none does."""
    parents = [None if trial.inherited is None else trial.inherited.trial for trial in trials]
    return {"inherits": pd.Series(parents, dtype="Int64")} if any(trial.inherited for trial in trials) else {}


def _beside(history: History, trials: Sequence[TrialRecord], taken: set[str]) -> dict[str, pd.Series[Any]]:
    """What counts beside the metric; nothing where the metric counts alone."""
    from ptune.record.beside import beside_names, besides

    if history.objectives is None:
        return {}
    reached = besides(history)
    rows = [reached.get(trial.number) for trial in trials]
    values = {
        name: _numbers([None if row is None else row.values.get(name) for row in rows])
        for name in beside_names(history)
        if name not in taken
    }
    broken = ["; ".join(row.broken) or None if row is not None else None for row in rows]
    marks = {
        "front": pd.Series([row is not None and row.on_front for row in rows], dtype="boolean"),
        "knee": pd.Series([row is not None and row.is_knee for row in rows], dtype="boolean"),
        "broken": pd.Series(broken, dtype="string"),
    }
    return values | marks


def _parameter(history: History, name: str, trials: Sequence[TrialRecord]) -> pd.Series[Any]:
    """A parameter's values with the type they have in common; missing where a trial does not have it."""
    values = [trial.config.get(name) for trial in trials]
    return pd.Series(values, dtype=_dtype([value for value in values if value is not None] or _stated(history, name)))


def _stated(history: History, name: str) -> list[Scalar]:
    """Values that the space states for a parameter that no trial has."""
    return [value for way in history.job.space.parameters.get(name, ()) for _, value in way.stated()]


def _dtype(values: Sequence[Scalar]) -> str:
    """The pandas type that holds all of some values, and missing ones."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "Int64"
    if kinds <= {int, float} and kinds:
        return "Float64"
    return "string" if kinds == {str} else "object"


def _numbers(values: Sequence[float | None]) -> pd.Series[Any]:
    return pd.Series(values, dtype="Float64")


def _best_epoch(trial: TrialRecord) -> float | None:
    return None if trial.best_value is None else trial.kept_epoch


def _kept(trial: TrialRecord, name: str) -> float | None:
    """A metric of the best epoch."""
    return None if trial.best_value is None else trial.best_report.get(name)
