"""Every combination of a space, in order."""

import pytest

from ptune.spec.grid import MOST, broken_trials, continuous, needs_layers, points, size
from ptune.spec.space import Space

COPA = {
    "lr": {"choices": [5e-3, 7e-3, 1e-2]},
    "length": {"choices": [4, 8, 16, 32, 64, 128]},
    "warmup": {"low": 0.0, "high": 0.5, "step": 0.1},
}
METHODS = {
    "method": {"choices": ["v1", "v2"]},
    "length": {"low": 2, "high": 4},
    "depth": {"low": 1, "high": "layers", "when": {"method": "v2"}},
    "encoder": [{"value": "lstm", "when": {"method": "v1"}}],
}


def space(parameters, *baseline):
    return Space(parameters=parameters, baseline=list(baseline))


def test_the_grid_is_every_combination_once_the_first_parameter_slowest():
    combinations = points(space(COPA))
    assert len(combinations) == size(space(COPA)) == 3 * 6 * 6
    assert len({tuple(one.values()) for one in combinations}) == 108
    assert [one["lr"] for one in combinations[::36]] == [5e-3, 7e-3, 1e-2]
    assert [one["warmup"] for one in combinations[:6]] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert points(space(COPA)) == combinations


def test_a_parameter_without_its_condition_multiplies_nothing():
    resolved = space(METHODS).resolved(layers=5)
    combinations = points(resolved)
    assert len(combinations) == 3 + 3 * 5
    assert all(("depth" in one) == (one["method"] == "v2") for one in combinations)
    assert all(("encoder" in one) == (one["method"] == "v1") for one in combinations)


def test_baseline_points_come_first_and_are_not_repeated():
    given = {"lr": 1e-2, "length": 16, "warmup": 0.3}
    combinations = points(space(COPA, given, {"length": 8}, given))
    assert combinations[0] == given
    assert combinations[1] == {"lr": 5e-3, "length": 8, "warmup": 0.0}
    assert len(combinations) == 108
    assert combinations.count(given) == 1


def test_points_that_leave_the_same_out_are_different_combinations():
    first, second = points(space(COPA, {"length": 8}, {"length": 8}))[:2]
    assert first != second
    assert first["length"] == second["length"] == 8


@pytest.mark.parametrize(
    "stated", [{"low": 1e-3, "high": 1e-1, "log": True}, {"low": 0.001, "high": 0.1}], ids=["log", "plain"]
)
def test_continuous_ranges_are_named_with_what_would_help(stated):
    (problem,) = continuous(space({**COPA, "lr": stated}))
    assert problem.place == ("parameters", "lr", 0)
    assert problem.text.startswith("a grid needs lr as choices or as a range with a step, got low = 0.001, high = 0.1")


def test_whole_numbers_need_no_step():
    assert not continuous(space(METHODS))
    assert needs_layers(space(METHODS))
    assert not needs_layers(space(COPA))


@pytest.mark.parametrize(
    ("trials", "law"),
    [(None, None), (108, None), (5, None), (109, "trials <= 108, the grid's combinations, must hold, got 109")],
)
def test_a_grid_has_no_more_trials_than_combinations(trials, law):
    assert broken_trials(space(COPA), trials) == law


def test_a_grid_that_nobody_could_train_is_refused_without_being_built():
    huge = space({"length": {"low": 1, "high": 1000}, "batch_size": {"low": 1, "high": 10**9}})
    assert str(MOST) in broken_trials(huge, 10)
