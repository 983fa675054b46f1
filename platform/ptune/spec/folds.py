"""The laws about cross-validation, in which every configuration is trained once for each fold of the training data."""

from __future__ import annotations

from ptune.spec.budget import Budget
from ptune.spec.problem import Problem
from ptune.spec.space import Space
from ptune.spec.task import Task


def fold_problems(task: Task, space: Space | None, budget: Budget | None, *, refit: bool) -> list[Problem]:
    """What cannot stand beside folds, and what needs them."""
    if task.folds == 1:
        law = "refit trains on all folds together, and task.data.folds is not stated, got true"
        return [Problem(("export", "refit"), law)] if refit else []
    problems = []
    if len({data.folds for data in task.sets}) > 1:
        law = f"all data sets must have the same folds, got {[data.folds for data in task.sets]}"
        problems.append(Problem(("task",), law))
    if refit and task.decides:
        law = f"refit leaves no dev split, from which a {task.kind} task takes its thresholds, got true"
        problems.append(Problem(("export", "refit"), law))
    if budget is not None and budget.stops_early:
        law = (
            'folds need stopping = { type = "none" }: a configuration is judged by the mean of its folds, so each of '
            f"them trains to the horizon, got type = {budget.stopping.type!r}"
        )
        problems.append(Problem(("budget", "stopping"), law))
    if budget is not None and budget.inherit:
        law = "with folds, a prompt that is inherited may have trained on what another trial is judged by, got true"
        problems.append(Problem(("budget", "inherit"), law))
    if budget is not None and budget.limits:
        law = f"with folds only trials limits a search, or a configuration may lack a fold, got {budget.limits[0]}"
        problems.append(Problem(("budget", budget.limits[0].split()[0]), law))
    if space is not None and "split" in space.parameters:
        law = "with folds, every configuration is trained on each split: leave split out of the space"
        problems.append(Problem(("space", "parameters", "split"), law))
    return problems
