"""The scheduler that a budget asks for."""

import pytest

from ptune.searching.scheduler import scheduler_of
from ptune.spec.budget import Asha, Budget, FullBudget


def budget(stopping):
    return Budget(trials=9, epochs=9, stopping=stopping)


@pytest.mark.parametrize("eta", [2, 3])
def test_asha_lets_one_in_eta_go_on(eta):
    asha = budget(Asha(eta=eta))
    scheduler = scheduler_of(asha)
    first = asha.rungs[0]
    for trial in range(eta):
        scheduler.record(trial, first, utility=float(trial))
    assert scheduler.promotable() == (eta - 1, first)
    assert [scheduler.goes_on(trial, first) for trial in range(eta)] == [False] * (eta - 1) + [True]


def test_without_early_stopping_nobody_waits():
    full = budget(FullBudget())
    assert not full.rungs
    assert scheduler_of(full).promotable(drain=True) is None
