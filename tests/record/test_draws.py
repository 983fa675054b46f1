"""What always giving the commonest answer scores over several few-shot draws."""

import math

import pytest

from ptune.record.draws import mean_of_draws


def test_each_draw_counts_once_whoever_was_scored_on_it():
    scored = [
        ({"split": 0, "lr": 0.1}, {"majority_baseline": 0.5}),
        ({"split": 0, "lr": 0.2}, {"majority_baseline": 0.5}),
        ({"split": 1, "lr": 0.1}, {"majority_baseline": 0.8}),
    ]
    assert mean_of_draws(scored) == pytest.approx(0.65)
    assert mean_of_draws(reversed(scored)) == pytest.approx(0.65), "whichever trial comes first"


def test_without_draws_there_is_one_baseline_and_without_scores_none():
    assert mean_of_draws([({}, {"majority_baseline": 0.25}), ({}, {"majority_baseline": 0.25})]) == 0.25
    assert mean_of_draws([({}, {"accuracy": 0.5}), ({"split": 1}, {"majority_baseline": math.nan})]) is None
