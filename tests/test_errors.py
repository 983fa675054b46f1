"""Errors cross processes, fit the standard library's types, and help to find the right name."""

import copy
import pickle

import pytest

from ptune import errors
from ptune.errors import PtuneError, nearest

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PtuneError)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_pickling_with_its_message(kind):
    error = kind("space.toml: [parameters.lr].low: low <= high must hold")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert twin.args == error.args


@pytest.mark.parametrize("kind", KINDS[1:])
def test_an_error_is_also_a_standard_one(kind):
    assert issubclass(kind, ValueError | RuntimeError | OSError)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_documented_in_the_tree(kind):
    assert kind.__doc__
    assert kind.__name__ in errors.__doc__


@pytest.mark.parametrize(
    ("name", "valid", "expected"),
    [
        ("lenght", ["length", "depth"], "; did you mean 'length'?"),
        ("zebra", ["length", "depth"], ""),
        ("length", [], ""),
        ("dev", {"dev": 1, "train": 2}, "; did you mean 'dev'?"),
    ],
)
def test_the_nearest_name_is_offered_when_one_is_near(name, valid, expected):
    assert nearest(name, valid) == expected
