"""Wording: numbers, times and marks in few words."""

import math

import pytest

from ptune.record.spread import Spread
from ptune.report.wording import (
    alike,
    answering_alike,
    count,
    duration,
    plural,
    repetitions_text,
    score_text,
    signed,
    spread_text,
)


def test_what_always_answers_alike_says_where():
    assert alike(everywhere=False, on=[]) == ""
    assert alike(everywhere=True, on=["a", "b"]) == "constant"
    assert alike(everywhere=False, on=["a", "b"]) == "constant on a, b"
    assert alike(everywhere=False, on=["a", "b", "c"]) == "constant on 3 data sets"
    assert answering_alike([4]) == "1 trial answers every dev example alike"
    assert answering_alike([4, 5]) == "2 trials answer every dev example alike"


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (math.inf, "-"), (0, "0:00"), (67.4, "1:07"), (7420, "2:03:40"), (-3, "0:00")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (940, "940"), (15_360, "15.4 k"), (22_713_216, "22.7 M")])
def test_counts(value, text):
    assert count(value) == text


@pytest.mark.parametrize(
    ("number", "folds", "text"),
    [
        (1, 1, "1 repetition"),
        (3, 1, "3 repetitions"),
        (2, 3, "2 folds"),
        (3, 3, "3 folds"),
        (6, 3, "3 folds x 2 seeds"),
        (5, 3, "5 trials of 3 folds"),
    ],
)
def test_what_a_mean_is_over(number, folds, text):
    assert repetitions_text(number, folds) == text


def test_scores_and_plurals():
    assert (score_text(0.8125), score_text(31.4159), score_text(None), score_text(math.nan)) == (
        "0.8125",
        "31.42",
        "-",
        "-",
    )
    assert (signed(0.25), signed(-0.012), signed(None)) == ("+0.2500", "-0.0120", "-")
    assert spread_text(Spread(0.694, 0.0123, 5)) == "0.6940 ± 0.0123"
    assert (spread_text(Spread(0.694, None, 1)), spread_text(None)) == ("0.6940", "-")
    assert (plural(1, "trial"), plural(3, "trial")) == ("1 trial", "3 trials")
