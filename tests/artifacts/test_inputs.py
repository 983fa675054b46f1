"""What may be given to be answered, and what is said of everything else."""

from collections import OrderedDict

import numpy as np
import pandas as pd
import pytest

from ptune.artifacts.inputs import is_single, row, rows
from ptune.errors import DataError

PAIR = ["premise", "hypothesis"]


def test_a_string_a_tuple_and_a_mapping_are_one_input_and_everything_else_several():
    assert all(map(is_single, ["a", ("a", "b"), {"text": "a"}, OrderedDict(text="a")]))
    assert not any(map(is_single, [["a"], [], iter(["a"]), np.array(["a"]), pd.Series(["a"]), {"a"}]))


@pytest.mark.parametrize(
    "inputs",
    [
        ["red", "green"],
        iter(["red", "green"]),
        np.array(["red", "green"]),
        pd.Series(["red", "green"]),
        [("red",), ["green"]],
        [{"text": "red"}, {"text": "green", "label": 1}],
        pd.DataFrame({"label": [0, 1], "text": ["red", "green"]}),
    ],
    ids=lambda inputs: type(inputs).__name__,
)
def test_several_texts_are_rows_of_one_however_they_are_held(inputs):
    assert rows(inputs, ["text"]) == [("red",), ("green",)]


def test_pairs_are_rows_of_two_in_the_order_of_their_names():
    by_name = {"hypothesis": "green", "premise": "red"}
    assert rows([("red", "green"), ["red", "green"], by_name], PAIR) == [("red", "green")] * 3
    assert rows(pd.DataFrame([by_name]), PAIR) == [("red", "green")]


@pytest.mark.parametrize(
    ("value", "names", "message"),
    [
        ("red", PAIR,
         "here: must be a tuple of 2 strings (premise, hypothesis) or a mapping with these keys, got str 'red'"),
        (("red",), PAIR, "here: 2 texts are needed (premise, hypothesis), got 1"),
        (("red", "green"), ["text"], "here: 1 text is needed (text), got 2; give several inputs as a list"),
        (["red", "green"], ["text"], "here: 1 text is needed (text), got 2"),
        ({"premis": "red", "hypothesis": "green"}, PAIR,
         "here: premise is missing; did you mean 'premis'? (has: premis, hypothesis)"),
        ({"premise": "red", "hypothesis": ["green"]}, PAIR, "here: hypothesis must be a string, got list ['green']"),
        (7, ["text"], "here: must be a string (text), got int 7"),
        (b"red", ["text"], "here: must be a string (text), got bytes b'red'"),
        (("red", "  "), PAIR, "here: hypothesis is empty"),
        (("red", "\ud800"), PAIR, "here: hypothesis is not valid Unicode, got str '\\ud800'"),
        ((None,), ["text"], "here: text must be a string, got NoneType None"),
    ],
)  # fmt: skip
def test_a_wrong_input_is_told_what_is_expected(value, names, message):
    with pytest.raises(DataError) as caught:
        row(value, names, "here")
    assert str(caught.value) == message


@pytest.mark.parametrize("inputs", [7, None, b"red"])
def test_what_holds_no_inputs_is_refused(inputs):
    with pytest.raises(DataError, match=r"the inputs must be a string \(text\), or a list of these, got"):
        rows(inputs, ["text"])


def test_a_long_value_is_not_repeated_whole():
    with pytest.raises(DataError) as caught:
        row(list(range(1000)), ["text"], "input 3")
    assert len(str(caught.value)) < 120
