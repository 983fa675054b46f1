"""A dev split that grows with the rungs: which part of it a report is scored on, and where that is allowed.

Most trials of a search end at an early rung, where little decides between good ones. So the reports up to the first
rung are scored on a part of dev. Those up to the next rung are scored on more examples by the factor between the rungs,
and those after the last rung on all of it. Everything follows from the budget and the number of examples.
"""

from __future__ import annotations

from collections.abc import Sequence

from ptune.spec.budget import Budget
from ptune.spec.objectives import Objectives
from ptune.spec.problem import Problem
from ptune.spec.space import Space
from ptune.spec.stopping import HALVING, Halving, rounded_up
from ptune.spec.task import Task

LEAST = 200
"""Examples of the smallest part. The standard error of an accuracy is at most 3.5 points on so many, and 5 on 100. The
first epochs of six random configurations, of MiniLM on SST-2, have a standard deviation of 5.6 points."""
_PLACE = ("budget", "dev_grows")
_KEPT = "keep_epoch may keep an epoch that is scored on a part of dev, under budget.dev_grows: leave one of them out"


def part_sizes(budget: Budget, examples: int) -> list[tuple[int, int]]:
    """The parts of a dev split, each as the last report that is scored on it, and the number of its examples.

    Reports behind the last part are scored on all of dev. Parts of all examples are left out.

    Args:
        budget: of the search.
        examples: of the whole split.
    """
    if not budget.dev_grows or not isinstance(budget.stopping, Halving):
        return []
    last = len(budget.rungs)
    sizes = [
        (rung, max(LEAST, rounded_up(examples / budget.stopping.apart ** (last - number))))
        for number, rung in enumerate(budget.rungs)
    ]
    return [(rung, size) for rung, size in sizes if size < examples]


def growing_problems(
    budget: Budget, task: Task | None, space: Space | None, objectives: Objectives | None
) -> list[Problem]:
    """The laws that a growing dev split breaks."""
    if not budget.dev_grows:
        return []
    laws = [rungs_law(budget), None if task is None else _data_law(task)]
    if objectives is not None:
        laws.append("ranks by how much of dev a trial is scored on, then by the metric alone: leave [objectives] out")
    problems = [Problem(_PLACE, law) for law in laws if law is not None]
    kept = [] if space is None else range(len(space.parameters.get("keep_epoch", [])))
    return [*problems, *(Problem(("space", "parameters", "keep_epoch", index), _KEPT) for index in kept)]


def keep_on_parts_law(epoch: int | None, budget: Budget) -> str | None:
    """The law that an epoch to keep breaks where dev grows; None if it holds."""
    return None if epoch is None or not budget.dev_grows else f"{_KEPT}, got {epoch}"


def rungs_law(budget: Budget) -> str | None:
    """The law that the rungs break by whose factor dev grows; None if it holds, as far as reports are counted."""
    if not budget.dev_grows:
        return None
    if budget.sampler == "pbt":
        return "needs rungs, of which sampler = 'pbt' has none: leave dev_grows out, or choose another sampler"
    if not isinstance(budget.stopping, Halving):
        got = f"{', '.join(HALVING)}, got {budget.stopping.type!r}"
        return f"needs rungs from which one in eta trials goes on, and so a stopping.type of {got}"
    if budget.reports_are_counted and not budget.rungs:
        first = budget.stopping.first_rung(budget.horizon)
        return f"needs a rung before the last report: stopping.grace < {budget.horizon}, got {first}"
    return None


def _data_law(task: Task) -> str | None:
    """Every trial is scored on the same examples, each of which counts by itself."""
    sets: Sequence[object] = task.sets
    if len(sets) > 1:
        return f"draws parts of one data set, and the task has {len(sets)}"
    if task.folds > 1:
        return "needs one dev split, and every fold has its own: leave task.data.folds out"
    if task.data.shots is not None:
        return "needs one dev split, and every few-shot draw has its own: leave task.data.shots out"
    if getattr(task.data, "group", None) is not None:
        return "would cut groups of examples that are right or wrong together: leave task.data.group out"
    return None
