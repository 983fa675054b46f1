"""The laws of population-based training, in which trials go on from the prompts of others with other values."""

from __future__ import annotations

from ptune.spec.budget import Budget, startup_of
from ptune.spec.problem import Problem
from ptune.spec.prompt import PROMPTLESS
from ptune.spec.space import Space
from ptune.spec.starts import OF_PROMPT


def population_problems(space: Space, budget: Budget, *, whole: bool = True) -> list[Problem]:
    """The laws of population-based training that a space and a budget break; none for another sampler.

    Args:
        space: the space.
        budget: its budget.
        whole: whether no definition of the space has been left out as broken.
    """
    if budget.sampler != "pbt":
        return []
    problems = []
    if not budget.inherit:
        law = "'pbt' needs inherit = true: its trials go on from the prompts of others, got false"
        problems.append(Problem(("budget", "inherit"), law))
    if budget.stops_early:
        law = (
            "'pbt' needs stopping = { type = \"none\" }: a trial is one interval of a prompt's training, and prompts "
            f"that go on would stop those that begin, got type = {budget.stopping.type!r}"
        )
        problems.append(Problem(("budget", "stopping"), law))
    if budget.trials is not None and budget.trials <= (first := startup_of(budget.trials)):
        law = f"'pbt' needs trials > {first}: the first {first} begin afresh, got {budget.trials}"
        problems.append(Problem(("budget", "trials"), law))
    if whole and not any(_hands_on(space, method) for method in space.methods):
        law = (
            "'pbt' needs prompts that other trials can take up, and this space has none: give it a method with a "
            'prompt, encoder = "embedding" and no backbone_lr'
        )
        problems.append(Problem(("budget", "sampler"), law))
    elif whole and not set(space.searched) - set(OF_PROMPT):
        law = (
            "'pbt' searches what may change while a prompt trains, such as lr, batch_size or dropout, and this space "
            f"searches {', '.join(space.searched) or 'nothing'}"
        )
        problems.append(Problem(("budget", "sampler"), law))
    return problems


def _hands_on(space: Space, method: str) -> bool:
    """Whether a method has trials whose prompt a trial of the same method can take up."""
    encoders = space.values_in_trials(method, "encoder")
    is_plain = not encoders or "embedding" in encoders
    return is_plain and method not in PROMPTLESS and not space.always_has(method, "backbone_lr")
