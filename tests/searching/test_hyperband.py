"""Hyperband's brackets: who enters which, and with whom each is compared."""

from collections import Counter

import pytest

from ptune.searching.hyperband import Brackets
from ptune.searching.simulate import simulate
from ptune.spec.budget import Budget
from ptune.spec.stopping import Hyperband
from support.simulated import make_job, start


@pytest.mark.parametrize(
    ("eta", "horizon", "entering"),
    [(3, 81, [81, 34, 15, 8, 5]), (3, 9, [9, 5, 3]), (2, 2, [2, 2]), (4, 1, [1])],
)
def test_as_many_enter_each_bracket_as_in_the_paper(eta, horizon, entering):
    """Li et al. 2018, table 1: n of each bracket for R = 81 and eta = 3."""
    assert Hyperband(eta=eta).entering(horizon) == entering


def test_fewer_brackets_are_the_first_ones():
    assert Hyperband(brackets=2).entering(9) == [9, 5]


def test_the_brackets_of_a_round_are_mixed_evenly():
    brackets = Brackets((1, 3), 3, [9, 5, 3])
    entered = [brackets.bracket(trial) for trial in range(34)]
    assert entered[:17] == entered[17:]
    assert Counter(entered[:17]) == {0: 9, 1: 5, 2: 3}
    for stretch in (entered[begin : begin + 6] for begin in range(17)):
        assert set(stretch) == {0, 1, 2}


@pytest.mark.parametrize("slots", [1, 4])
def test_a_trial_is_compared_with_those_of_its_bracket_alone(tmp_path, slots):
    job = make_job(trials=34, sampler="random", stopping={"type": "hyperband"})
    conductor = start(job, tmp_path / "journal.jsonl")
    simulate(conductor, lambda config, epoch: config["lr"] / 2 + epoch / 100, slots)
    brackets = Brackets((1, 3), 3, [9, 5, 3])
    first, second, last = (
        [trial for number, trial in conductor.history.trials.items() if brackets.bracket(number) == bracket]
        for bracket in range(3)
    )
    assert {trial.epoch for trial in last} == {9}
    assert min(trial.epoch for trial in second) == 3
    assert min(trial.epoch for trial in first) == 1
    for own in (first, second):
        best = max(own, key=lambda trial: trial.config["lr"])
        assert (best.epoch, best.status) == (9, "complete"), "the leader of each bracket reaches the horizon"
    stopped = next(trial for trial in second if trial.status == "stopped")
    assert stopped.reason == "stopped at the rung of epoch 3: not among the best 1/3 of its bracket there"


def test_one_that_rests_for_want_of_epochs_where_its_bracket_has_no_rung_goes_on_later():
    brackets = Brackets((1, 3), 3, [1, 1, 1])
    late = next(trial for trial in range(3) if brackets.bracket(trial) == 2)
    brackets.record(late, 1, 0.1)
    assert brackets.goes_on(late, 1)
    assert brackets.promotable() == (late, 1)
    brackets.promote(late, 1)
    assert brackets.promotable(drain=True) is None


def test_about_one_in_eta_goes_on_where_a_bracket_compares():
    rule = Hyperband()
    assert rule.survivors(17, rung=1, horizon=9) == 3 + 5 + 3
    assert rule.survivors(11, rung=3, horizon=9) == 6, "1 of 3, 5/3 of 5, and 3"


def test_more_brackets_than_rungs_are_refused():
    with pytest.raises(ValueError, match=r"stopping.brackets <= 3 must hold with 2 rungs below the horizon, got 4"):
        Budget(trials=9, epochs=9, stopping=Hyperband(brackets=4))
