import math
import re

import pytest
from pydantic import ValidationError

from ptune.searching.asha import Rungs
from ptune.spec.stopping import Asha, FullBudget


@pytest.mark.parametrize(
    ("spacing", "grace", "horizon", "rungs"),
    [
        (3, 1, 9, (1, 3)),
        (3, 1, 10, (1, 3, 9)),
        (2, 2, 9, (2, 4, 8)),
        (1.5, 1, 9, (1, 2, 3, 4, 6, 8)),
        (4, 3, 3, ()),
        (3, 1, 1, ()),
        (2, 1, 2, (1,)),
    ],
)
def test_rungs_lie_a_spacing_apart_below_the_horizon(spacing, grace, horizon, rungs):
    assert tuple(Asha(spacing=spacing, grace=grace).rungs(horizon)) == rungs


@pytest.mark.parametrize(("eta", "rungs"), [(2, (2, 3, 4, 6, 8)), (3, (2, 4, 6)), (4, (2, 4, 8)), (9, (2, 6))])
def test_rungs_lie_by_the_root_of_eta_apart_unless_stated(eta, rungs):
    assert tuple(Asha(eta=eta, grace=2).rungs(9)) == rungs


def test_a_spacing_that_moves_no_rung_is_refused():
    for spacing, law in ((1, "greater than or equal to 1.2"), (math.inf, "finite number")):
        with pytest.raises(ValidationError, match=re.escape(law)):
            Asha(spacing=spacing)


def test_the_full_budget_has_no_rung_but_the_horizon():
    assert not FullBudget().rungs(9)


@pytest.mark.parametrize(("trials", "survivors"), [(9, 3), (10, 4), (1, 1), (0, 0)])
def test_one_in_eta_is_expected_to_go_on_rounded_up(trials, survivors):
    assert Asha(eta=3).survivors(trials, rung=1, horizon=9) == survivors
    assert FullBudget().survivors(trials, rung=1, horizon=9) == trials


def filled(values, rung=1, eta=3):
    rungs = Rungs((1, 3), eta)
    for trial, value in enumerate(values):
        rungs.record(trial, rung, value)
    return rungs


def promoted(rungs, drain=False):
    """Promote until nothing is promotable; the trials in order."""
    order = []
    while (promotion := rungs.promotable(drain)) is not None:
        rungs.promote(*promotion)
        order.append(promotion[0])
    return order


@pytest.mark.parametrize(("count", "down", "up"), [(0, 0, 0), (1, 0, 1), (2, 0, 1), (3, 1, 1), (7, 2, 3), (9, 3, 3)])
def test_one_in_eta_goes_on_rounded_down_and_up_in_the_drain(count, down, up):
    values = [trial / 10 for trial in range(count)]
    best_first = list(reversed(range(count)))
    assert promoted(filled(values)) == best_first[:down]
    assert promoted(filled(values), drain=True) == best_first[:up]


def test_the_highest_rung_goes_first():
    rungs = filled([0.1, 0.2, 0.9])
    for trial, value in ((7, 0.5), (8, 0.6), (9, 0.4)):
        rungs.record(trial, 3, value)
    assert rungs.promotable() == (8, 3)
    rungs.promote(8, 3)
    assert rungs.promotable() == (2, 1)


def test_a_scout_does_not_wait_at_a_rung_that_nobody_has_left():
    rungs = Rungs((1, 3, 9), 3, scout=True)
    rungs.record(4, 1, 0.5)
    assert not rungs.goes_on(4, 1), "at the first rung it is compared"
    for rung in (3, 9):
        rungs.record(4, rung, 0.6)
        assert rungs.promotable() == (4, rung)
        rungs.promote(4, rung)
        rungs.record(5, rung, 0.9)
        assert not rungs.goes_on(5, rung), "the second waits, however good it is"


def test_another_goes_ahead_where_the_scout_has_failed():
    rungs = Rungs((1, 3), 3, scout=True)
    rungs.record(4, 3, 0.6)
    rungs.promote(4, 3)
    rungs.record(5, 3, 0.4)
    rungs.discard(4)
    assert rungs.promotable() == (5, 3)


def test_ties_go_to_the_earlier_trial_whatever_the_order_of_arrival():
    rungs = Rungs((1,), 3)
    for trial in (5, 2, 9):
        rungs.record(trial, 1, 0.5)
    assert rungs.promotable() == (2, 1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_never_ranks(value):
    rungs = filled([0.1, value, 0.2])
    assert rungs.reason(1) == "not among the best 1/3 of the 2 trials there"
    assert promoted(rungs, drain=True) == [2]


def test_a_later_arrival_can_go_on_although_the_places_were_taken():
    rungs = filled([0.3, 0.2, 0.1])
    rungs.promote(0, 1)
    rungs.record(3, 1, 0.9)
    assert rungs.goes_on(3, 1)
    assert rungs.goes_on(0, 1), "a promoted trial stays promoted"
    assert not rungs.goes_on(1, 1)


def test_the_next_best_moves_up_when_a_promoted_trial_fails():
    rungs = filled([0.3, 0.2, 0.1])
    assert promoted(rungs, drain=True) == [0]
    rungs.discard(0)
    assert promoted(rungs, drain=True) == [1]


def test_deciding_takes_hardly_more_comparisons_among_many_trials_than_among_few():
    def comparisons(count):
        class Counted(float):
            def __lt__(self, other):
                nonlocal made
                made += 1
                return float(self) < float(other)

            def __neg__(self):
                return Counted(-float(self))

        rungs, made = Rungs((1,), 3), 0
        for trial in range(count):
            rungs.record(trial, 1, Counted(trial * 37 % count))
        made = 0
        for trial in range(0, count, count // 10):
            rungs.goes_on(trial, 1)
            rungs.promotable()
        return made

    assert comparisons(10_000) < 3 * comparisons(100)
