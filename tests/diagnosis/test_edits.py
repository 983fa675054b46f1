"""What a diagnosis tells to type is taken by ptune as it stands."""

import shlex
from itertools import pairwise

import pytest

from ptune.diagnosis import edits
from ptune.spec.load import load_job
from ptune.spec.space import Space
from support.tiny_job import write_job


def space_after(path, typed):
    """The space of a job once the options that are told have been typed."""
    words = shlex.split(typed)
    return load_job(path, [value for option, value in pairwise(words) if option == "--set"]).space


@pytest.fixture
def path(tmp_path):
    return write_job(tmp_path)


def test_ends_are_set_and_the_rest_stays(path):
    space = load_job(path).space
    for name, high in (("lr", 0.3), ("depth", 4), ("length", 12)):
        before, (after,) = (
            space.parameters[name][0],
            space_after(path, edits.with_ends(space, name, 0, high=high)).parameters[name],
        )
        assert after == before.model_copy(update={"high": high})


def test_what_is_expected_stays_where_a_range_changes():
    space = Space(parameters={"lr": {"low": 1e-3, "high": 0.1, "log": True, "expected": 0.01, "spread": 0.2}})
    assert edits.with_ends(space, "lr", 0, high=0.3).endswith(
        "lr={low=0.001, high=0.3, log=true, expected=0.01, spread=0.2}'"
    )


def test_a_bound_that_is_the_number_of_layers_stays_it(path):
    space = load_job(path).space
    assert space_after(path, edits.with_ends(space, "depth", 0, low=2)).parameters["depth"][0].high == "layers"


def test_choices_values_and_new_parameters_are_set(path):
    space = load_job(path).space
    chosen = space_after(path, edits.with_choices(space, "length", 0, [2, 4])).parameters["length"][0]
    assert chosen.choices == [2, 4]
    assert space_after(path, edits.with_value(space, "lr", 0, 1e-5)).parameters["lr"][0].value == 1e-5
    added = space_after(path, edits.with_range("head_lr", 1e-4, 1e-2)).parameters["head_lr"][0]
    assert (added.low, added.high, added.log) == (1e-4, 1e-2, True)


@pytest.mark.parametrize(
    ("choices", "weights"),
    [([2, 4, 8], "[3.0, 1.0, 2.0]"), ([4], "[1.0]"), ([16], "[2.0]")],
    ids=["more", "less", "new"],
)
def test_choices_keep_their_weights_and_a_new_one_gets_the_mean(choices, weights):
    table = {"choices": [2, 4], "weights": [3, 1]}
    one = Space(parameters={"length": table})
    assert edits.with_choices(one, "length", 0, choices).endswith(f"length={{choices={choices}, weights={weights}}}'")
    by_method = [{**table, "when": {"method": method}} for method in ("v1", "v2")]
    two = Space(parameters={"method": {"choices": ["v1", "v2"]}, "length": by_method})
    assert edits.with_choices(two, "length", 1, choices).startswith(f"choices = {choices}, weights = {weights} in")


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0286, 0.03), (6.1e-5, 7e-5), (0.95, 1.0), (120.0, 100.0), (0.0, 0.0)]
)
def test_numbers_are_rounded_to_what_people_write(value, expected):
    assert edits.nice(value) == expected
