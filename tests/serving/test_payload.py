"""What requests ask, in the protocol of MLflow's scoring server."""

import json

import pytest

from ptune.errors import DataError
from ptune.serving.payload import CSV, JSON, MediaTypeError, Payload, read_payload

PAIRS = [{"premise": "a", "hypothesis": "b"}, {"premise": "c", "hypothesis": "d"}]


def read(content, kind=JSON):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_payload(body, kind)


@pytest.mark.parametrize(
    "content",
    [
        {"dataframe_records": PAIRS},
        {"dataframe_split": {"columns": ["premise", "hypothesis"], "data": [["a", "b"], ["c", "d"]]}},
        {"dataframe_split": {"columns": ["premise", "hypothesis"], "index": [4, 5], "data": [["a", "b"], ["c", "d"]]}},
        {"instances": PAIRS},
        {"inputs": PAIRS},
        {"inputs": {"premise": ["a", "c"], "hypothesis": ["b", "d"]}},
    ],
)
def test_every_form_gives_the_same_inputs(content):
    assert read(content) == Payload(PAIRS)
    assert read(content, f"{JSON}; charset=utf-8") == Payload(PAIRS)


def test_texts_alone_are_inputs_too():
    assert read({"inputs": ["a", "b"]}) == read({"instances": ["a", "b"]}) == Payload(["a", "b"])
    assert read({"inputs": "a"}) == Payload(["a"])
    assert read({"inputs": {"premise": "a", "hypothesis": "b"}}) == Payload(PAIRS[:1])


def test_csv_has_a_header():
    assert read(b'premise,hypothesis\na,b\n"c","d"\n', CSV) == Payload(PAIRS)


def test_the_prompt_may_stand_beside_the_inputs():
    content = {"inputs": ["a"], "params": {"prompt": "topic", "data_set": "P36"}}
    assert read(content) == Payload(["a"], "topic", "P36")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "the body is not JSON"),
        (b"\xff", "the body is not UTF-8"),
        (b"[" * 100_000, "the body is not JSON"),
        ([1], "the body must be an object with one of dataframe_split, .*, got list"),
        ({}, "exactly one of .*, got none"),
        ({"inputs": [], "instances": []}, "exactly one of .*, got instances, inputs"),
        ({"imputs": []}, "the body has no key 'imputs'; did you mean 'inputs'?"),
        ({"inputs": 3}, "inputs must be a list, got int"),
        ({"instances": "a"}, "instances must be a list, got str"),
        ({"dataframe_split": [1]}, "dataframe_split must be an object such as"),
        (
            {"dataframe_split": {"columns": ["a"], "data": [["b"], ["c", "d"]]}},
            "row 2 must be a list of 1 values, got 2 va",
        ),
        ({"inputs": {"a": ["b"], "c": []}}, "every column must be a list, and all of one length"),
        ({"inputs": [], "params": {"promt": "a"}}, "there is no parameter 'promt'; did you mean 'prompt'?"),
        ({"inputs": [], "params": {"prompt": 3}}, "params: prompt must be a string, got int"),
    ],
)
def test_whatever_else_is_refused_with_its_reason(content, message):
    with pytest.raises(DataError, match=message):
        read(content)


def test_other_types_are_refused():
    with pytest.raises(MediaTypeError, match="must be application/json or text/csv, got 'text/plain'"):
        read(b"hello", "text/plain")
