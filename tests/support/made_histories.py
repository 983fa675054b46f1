"""Histories made up trial by trial, for laws that read nothing else."""

from dataclasses import dataclass, field

from ptune.record.events import DataSource, Ended, Finished, Reported, Suggested
from ptune.record.history import History
from ptune.spec.job import Job
from support.made_headers import header_of

SPACE = {
    "lr": {"low": 1e-4, "high": 1e-1, "log": True},
    "length": {"low": 4, "high": 64, "log": True},
}


@dataclass
class Made:
    """One trial: its configuration, its reports, and how it ended."""

    config: dict
    reports: list[dict] = field(default_factory=list)
    status: str = "complete"
    reason: str | None = None


def report(accuracy=0.7, **more):
    """One epoch of a two-class task in which training works."""
    usual = {
        "accuracy": accuracy,
        "loss": 1.2 - accuracy,
        "train_loss": 1.1 - accuracy,
        "majority_baseline": 0.5,
        "constant_prediction": 0.0,
        "trainable_parameters": 100.0,
        "prompt_moved": 1.0,
    }
    return usual | more


def trial(accuracy=0.7, status="complete", reason=None, config=None, moved=1.0, constant=0.0, **values):
    """A trial of one report whose configuration has the given values."""
    made = {"method": "v2", "lr": 0.01, "length": 16, **(config or {}), **values}
    return Made(
        made,
        [] if status == "failed" else [report(accuracy, prompt_moved=moved, constant_prediction=constant)],
        status,
        reason,
    )


def curve(accuracies, config=None, status="complete", **columns):
    """A trial of several reports; `columns` are further metrics, one value for each."""
    rows = [{name: values[epoch] for name, values in columns.items()} for epoch in range(len(accuracies))]
    reports = [report(value, **row) for value, row in zip(accuracies, rows, strict=True)]
    return Made({"method": "v2", "lr": 0.01, "length": 16, **(config or {})}, reports, status)


def history_of(made, space=None, rows=200, test=None, ended="complete", **changes):
    """A search of these trials, with `rows` examples on dev and on test; `changes` go into its job."""
    job = {
        "name": "made",
        "backbone": {"id": "none"},
        "task": {"data": {"source": "builtin:none"}},
        "space": {"parameters": space or SPACE},
        "budget": {"trials": max(len(made), 1), "epochs": max([len(one.reports) for one in made] + [1])},
    } | changes
    data = {name: DataSource("builtin:none", "b" * 64, rows) for name in ("dev", "test")}
    history = History.of([header_of(Job.model_validate(job), data=data)])
    for number, one in enumerate(made):
        history.apply(Suggested(number, one.config))
        for epoch, metrics in enumerate(one.reports, 1):
            history.apply(Reported(number, epoch, metrics, f"{number}"))
        if one.status in ("complete", "stopped", "failed"):
            history.apply(Finished(number, one.status, one.reason))
    if ended is not None:
        history.apply(Ended(ended, history.best_result, None if test is None else {"accuracy": test}))
    return history
