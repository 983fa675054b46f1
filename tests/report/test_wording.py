"""Wording: values in few words."""

import math

import pytest

from ptune.record.spread import Spread
from ptune.record.wording import value_text
from ptune.report.wording import (
    alike,
    answering_alike,
    brief,
    count,
    duration,
    plural,
    score_text,
    signed,
    spread_text,
    varying,
)


def test_only_what_differs_varies_and_the_method_comes_first():
    configs = [
        {"lr": 0.1, "method": "v1", "schedule": "linear", "hidden": None, "template": "before"},
        {"lr": 0.2, "method": "v2", "schedule": "linear", "hidden": None, "depth": 3},
    ]
    assert varying(configs) == ["method", "lr"]


def test_a_configuration_in_brief_names_numbers_and_shows_words_bare():
    config = {"method": "v2", "encoder": "mlp", "length": 20, "lr": 0.0123456, "depth": None}
    assert brief(config, ["method", "encoder", "length", "depth", "lr", "missing"]) == "v2 mlp length=20 lr=0.0123"
    assert brief(config, []) == "(defaults)"


def test_what_always_answers_alike_says_where():
    assert alike(everywhere=False, on=[]) == ""
    assert alike(everywhere=True, on=["a", "b"]) == "constant"
    assert alike(everywhere=False, on=["a", "b"]) == "constant on a, b"
    assert alike(everywhere=False, on=["a", "b", "c"]) == "constant on 3 data sets"
    assert answering_alike([4]) == "1 trial answers every dev example alike"
    assert answering_alike([4, 5]) == "2 trials answer every dev example alike"


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (True, "yes"), (0.000123456, "0.000123"), (20, "20"), ("lstm", "lstm")]
)
def test_values(value, text):
    assert value_text(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (math.inf, "-"), (0, "0:00"), (67.4, "1:07"), (7420, "2:03:40"), (-3, "0:00")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (940, "940"), (15_360, "15.4 k"), (22_713_216, "22.7 M")])
def test_counts(value, text):
    assert count(value) == text


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
