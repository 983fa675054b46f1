"""A winner is named where repetitions allow it, and else how many more would tell."""

import random

import pytest

from ptune.record.verdict import LEVEL, verdict

REPEATS = 5


def drawn(rng, *means, sd=1.0, repeats=REPEATS):
    return [{(0, repeat): rng.gauss(mean, sd) for repeat in range(repeats)} for mean in means]


def scores(*columns):
    return [{(0, repeat): value for repeat, value in enumerate(column)} for column in columns]


@pytest.mark.parametrize("configurations", [2, 3, 6])
@pytest.mark.parametrize("paired", [False, True])
def test_among_equals_a_winner_is_named_at_most_as_often_as_it_may_be(configurations, paired):
    rng = random.Random(configurations)
    times = 400
    named = sum(verdict(drawn(rng, *[0.0] * configurations), paired=paired).winner is not None for _ in range(times))
    assert named / times <= LEVEL + 0.025, "beyond the noise of this many draws"


def test_a_clear_lead_wins_and_a_small_one_does_not():
    clear = verdict(scores([0.90, 0.91, 0.92], [0.80, 0.81, 0.80], [0.70, 0.71, 0.72]), paired=False)
    assert (clear.leader, clear.winner, clear.rival, clear.more) == (0, 0, None, None)
    small = verdict(scores([0.80, 0.84, 0.86], [0.82, 0.83, 0.88], [0.60, 0.61, 0.62]), paired=False)
    assert (small.leader, small.winner, small.rival) == (1, None, 0)
    assert small.p_values[1] is None
    assert small.p_values[2] < LEVEL < small.p_values[0]


def test_with_so_many_more_as_it_says_most_true_differences_are_found():
    rng = random.Random(3)
    found = verdict(scores([1.0, 2.0, 3.0, 4.0], [0.2, 1.2, 2.2, 3.2]), paired=False)
    assert found.winner is None
    repeats = found.repetitions + found.more
    sd = (5 / 3) ** 0.5
    named = sum(verdict(drawn(rng, 0.8, 0.0, sd=sd, repeats=repeats), paired=False).winner == 0 for _ in range(100))
    assert 70 <= named <= 92


def test_shared_draws_tell_apart_what_differs_on_each_of_them():
    """The draws of the data differ by far more than the configurations."""
    draws = [0.5, 0.6, 0.7, 0.8]
    one, other = [value + 0.02 for value in draws], [value + 0.001 * number for number, value in enumerate(draws)]
    assert verdict(scores(one, other), paired=True).winner == 0
    assert verdict(scores(one, other), paired=False).winner is None


def test_p_values_are_corrected_for_their_number():
    alone = verdict(scores([0.90, 0.93, 0.91], [0.86, 0.88, 0.85]), paired=False)
    among = verdict(scores([0.90, 0.93, 0.91], [0.86, 0.88, 0.85], [0.85, 0.88, 0.86]), paired=False)
    assert alone.p_values[1] < among.p_values[1]


def test_what_is_the_same_in_every_repetition_is_told_apart_only_if_it_differs():
    assert verdict(scores([0.5, 0.5], [0.5, 0.5]), paired=False).winner is None
    assert verdict(scores([0.6, 0.6], [0.5, 0.5]), paired=True).winner == 0
    equal = verdict(scores([0.5, 0.5], [0.5, 0.5]), paired=False)
    assert (equal.p_values[1], equal.more) == (1.0, None)


def test_one_repetition_or_one_configuration_names_no_winner():
    assert verdict(scores([0.9], [0.1]), paired=False).winner is None
    alone = verdict(scores([0.9, 0.8]), paired=False)
    assert (alone.leader, alone.winner, alone.rival) == (0, None, None)
    assert verdict([{}, {(0, 0): 0.5}], paired=False) is None
    assert verdict([], paired=False) is None
