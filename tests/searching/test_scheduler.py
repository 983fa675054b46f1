"""The scheduler that a budget asks for."""

import pytest

from ptune.record.history import History
from ptune.searching.scheduler import scheduler_of
from ptune.spec.budget import Budget
from ptune.spec.stopping import Asha, FullBudget, Screen


def budget(stopping):
    return Budget(trials=9, epochs=9, stopping=stopping)


@pytest.mark.parametrize("eta", [2, 3])
def test_asha_lets_one_in_eta_go_on(eta):
    asha = budget(Asha(eta=eta))
    scheduler = scheduler_of(asha, History())
    first = asha.rungs[0]
    for trial in range(eta):
        scheduler.record(trial, first, utility=float(trial))
    assert scheduler.promotable() == (eta - 1, first)
    assert [scheduler.goes_on(trial, first) for trial in range(eta)] == [False] * (eta - 1) + [True]


def test_without_early_stopping_nobody_waits():
    full = budget(FullBudget())
    assert not full.rungs
    assert scheduler_of(full, History()).promotable(drain=True) is None


def test_a_screen_keeps_the_best_once_all_are_there_and_the_next_best_for_one_that_fails():
    scheduler = scheduler_of(budget(Screen(keep=2)), History())
    for trial, utility in enumerate((0.5, 0.9, float("nan"), 0.7, 0.5)):
        scheduler.record(trial, 1, utility)
        assert scheduler.promotable() is None
    assert scheduler.promotable(drain=True) == (1, 1)
    scheduler.promote(1, 1)
    assert scheduler.promotable() == (3, 1), "once one has gone on, all have been compared"
    scheduler.promote(3, 1)
    assert scheduler.promotable(drain=True) is None
    scheduler.discard(1)
    assert scheduler.promotable() == (0, 1), "of equal ones the earlier"


@pytest.mark.parametrize(
    ("table", "law"),
    [
        ({"trials": 3, "epochs": 9}, "stopping.keep < trials must hold, got 3 >= 3"),
        ({"epochs_total": 90, "epochs": 9}, "stopping.type = 'screen' needs trials"),
        ({"trials": 20, "epochs_total": 43, "epochs": 9}, "epochs_total must leave room .* needs at least 44"),
        ({"trials": 20, "epochs": 1}, "stopping.grace < epochs must hold for a screen, got 1 >= 1"),
    ],
)
def test_a_screen_is_refused_where_it_could_not_keep_what_it_promises(table, law):
    with pytest.raises(ValueError, match=law):
        Budget(**table, stopping=Screen(keep=3))
