"""How many steps an epoch of a job has, and what they make of `budget.report_every`."""

from __future__ import annotations

from collections.abc import Sequence

from ptune.data.sources import Splits
from ptune.errors import SpecError
from ptune.spec.budget import Budget
from ptune.spec.growing import rungs_law
from ptune.spec.heads import trained_methods
from ptune.spec.job import Job
from ptune.spec.problem import Problem
from ptune.spec.reporting import MOST_REPORTS, counted
from ptune.spec.space import Space
from ptune.spec.task import Task

_PLACE = ("budget", "report_every")


def report_problems(
    budget: Budget, task: Task, space: Space, splits: Sequence[Splits], drawing_seed: int
) -> list[Problem]:
    """The laws that the reports of a budget break on some data."""
    if budget.report_every is None:
        return []
    try:
        steps = fewest_steps(task, space, splits, drawing_seed)
    except SpecError as error:  # the data is too small for its draws
        return [Problem(_PLACE, str(error))]
    if not budget.reports_are_counted:
        counted_budget = _with_counted(budget, steps)
        if (count := counted_budget.reports_per_epoch) > MOST_REPORTS:
            text = (
                f"an epoch has at most {MOST_REPORTS} reports, and of {steps} steps it had {count}, "
                f"got {budget.report_every!r}; the fewest are '{-(-steps // MOST_REPORTS)} steps'"
            )
            return [Problem(_PLACE, text)]
        laws = {("budget",): counted_budget.stopping_law, ("budget", "dev_grows"): rungs_law(counted_budget)}
        return [Problem(key, law) for key, law in laws.items() if law is not None]
    law = steps_law(steps, budget.reports_per_epoch)
    return [] if law is None else [Problem(_PLACE, law)]


def steps_law(steps: int, reports_per_epoch: int) -> str | None:
    """The law that an epoch breaks which has fewer steps than reports; None if it has enough."""
    if steps >= reports_per_epoch:
        return None
    nearest = "1 epoch" if steps <= 1 else f"1/{steps} epochs"
    return (
        f"every report needs a step, and an epoch may have as few as {steps}, "
        f"got {reports_per_epoch} reports to an epoch; the most are {nearest!r}"
    )


def with_counted_reports(job: Job, splits: Sequence[Splits]) -> Job:
    """The job with its steps between reports as a part of an epoch; any other as it is.

    Args:
        job: without `report_problems`.
        splits: its data sets, in order.
    """
    if job.budget.reports_are_counted:
        return job
    steps = fewest_steps(job.task, job.space, splits, job.drawing_seed)
    return job.model_copy(update={"budget": _with_counted(job.budget, steps)})


def fewest_steps(task: Task, space: Space, splits: Sequence[Splits], drawing_seed: int) -> int:
    """The fewest optimiser steps that an epoch of a trial of a space may have that trains something.

    Raises:
        SpecError: there are too few examples for the draws of the data.
    """
    sizes = [
        len(of_set.draw(data, drawing_seed, 0).train.texts) for data, of_set in zip(task.sets, splits, strict=True)
    ]
    return min(
        min(_numbers(space, method, "passes"))
        * sum(-(-size // max(_numbers(space, method, "batch_size"))) for size in sizes)
        for method in trained_methods(space, task) or space.methods
    )


def _with_counted(budget: Budget, steps: int) -> Budget:
    assert budget.report_every is not None, "only what is stated is counted"
    return budget.model_copy(update={"report_every": counted(budget.report_every, steps)})


def _numbers(space: Space, method: str, name: str) -> list[int]:
    """The values that a whole number may have under a method."""
    return [value for value in space.values_in_trials(method, name) if isinstance(value, int)]
