"""Reports within epochs: what a budget may state, and what follows from it."""

import pytest
from pydantic import ValidationError

from ptune.spec.budget import Budget
from ptune.spec.reporting import as_meant, as_stated, counted, in_epochs, reports_per_epoch
from ptune.spec.stopping import Asha
from ptune.spec.strict import RECORDED


@pytest.mark.parametrize(
    ("text", "reports"),
    [(None, 1), ("0.25 epochs", 4), ("1/3 epochs", 3), ("1 epoch", 1), ("500 steps", None)],
)
def test_a_part_of_an_epoch_says_how_many_reports_an_epoch_has(text, reports):
    assert reports_per_epoch(Budget(trials=4, epochs=3, report_every=text).report_every) == reports


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0.3 epochs", "'1/3 epochs'"),
        ("0.4 epochs", "'1/2 epochs'"),
        ("0 epochs", "'1 epoch'"),
        ("2 epochs", "passes"),
        ("0 steps", "at least 1 step"),
        ("1/0 epochs", "0.25 epochs"),
        ("500", "500 steps"),
        ("1/9999 epochs", "from '1/1000 epochs' to '1 epoch'"),
        ("0.25 epochs (7 steps)", "state '1/4 epochs' or '7 steps'"),
    ],
)
def test_what_divides_no_epoch_is_refused_with_the_nearest_that_does(text, told):
    with pytest.raises(ValidationError, match="report_every") as refused:
        Budget(trials=4, epochs=3, report_every=text)
    assert told in str(refused.value)


def test_rungs_and_the_horizon_are_counted_in_reports():
    budget = Budget(trials=4, epochs=9, report_every="0.25 epochs", stopping=Asha(grace=1, spacing=3))
    assert (budget.horizon, list(budget.rungs)) == (36, [1, 3, 9, 27])
    assert [budget.in_epochs(rung) for rung in budget.stretches] == [0.25, 0.75, 2.25, 6.75, 9]


def test_a_grace_beyond_the_horizon_is_refused_in_reports():
    Budget(trials=4, epochs=2, report_every="0.25 epochs", stopping={"type": "asha", "grace": 8})
    counted = r" must hold.*, got {} \(grace counts reports, 4 to an epoch\)"
    for stopping, law, values in (
        ({"type": "asha", "grace": 9}, r"grace <= 4 \* epochs", "9 > 8"),
        ({"type": "median", "grace": 8}, r"grace < 4 \* epochs", "8 >= 8"),
        ({"type": "pasha", "grace": 4, "eta": 2}, r"grace \* eta < 4 \* epochs", r"4 \* 2 >= 8"),
        ({"type": "screen", "keep": 2, "grace": 8}, r"grace < 4 \* epochs", "8 >= 8"),
    ):
        with pytest.raises(ValidationError, match=law + counted.format(values)):
            Budget(trials=4, epochs=2, report_every="0.25 epochs", stopping=stopping)


def test_the_room_that_a_screen_needs_is_told_in_epochs():
    screen = {"type": "screen", "keep": 2, "grace": 1}
    with pytest.raises(ValidationError, match="needs at least 5 "):
        Budget(trials=6, epochs=2, epochs_total=4, report_every="0.25 epochs", stopping=screen)
    assert Budget(trials=6, epochs=2, epochs_total=5, report_every="0.25 epochs", stopping=screen).epochs_total == 5


def test_a_budget_without_the_key_is_written_as_before():
    assert "report_every" not in Budget(trials=4, epochs=9).model_dump(mode="json")


@pytest.mark.parametrize(("steps", "told"), [(1200, "1/3 epochs (500 steps)"), (500, "1 epoch (500 steps)")])
def test_steps_become_the_largest_equal_parts_that_have_no_more(steps, told):
    text = counted("500 steps", steps)
    stated = {"trials": 4, "epochs": 9, "report_every": text}
    assert text == told == Budget.model_validate(stated, context=RECORDED).report_every
    assert as_stated(text) == "500 steps"


def test_a_number_of_reports_is_shown_in_epochs():
    assert [str(in_epochs(reports, 4)) for reports in (1, 4, 9)] == ["0.25", "1", "2.25"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0.25 epochs", "1/4 epochs"),
        ("1/4 epochs (7 steps)", "1/4 epochs"),
        ("1.0 epochs", None),
        ("7 steps", "7 steps"),
        (None, None),
    ],
)
def test_what_means_the_same_is_one_text(text, meant):
    assert as_meant(text) == meant
