"""Inputs from the columns of a file."""

import json

import pandas as pd
import pytest

from ptune.artifacts.table import read_table
from ptune.errors import DataError
from support.every_kind import SAMPLES


def write(path, columns):
    """A table in the format that the path's suffix names."""
    table = pd.DataFrame(columns)
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix == ".jsonl":
        table.to_json(path, orient="records", lines=True)
    else:
        table.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def data_of(kind, **changes):
    return SAMPLES[kind].task.data.model_copy(update=changes)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_columns_are_taken_by_name_in_the_order_given(tmp_path, suffix):
    path = write(tmp_path / f"data{suffix}", {"n": [1, 2], "second": ["b", "d"], "first": ["a", "c, e"]})
    rows = read_table(path, data_of("pairs"), ["premise", "hypothesis"], ["first", "second"])
    assert rows == [("a", "b"), ("c, e", "d")]


def test_without_columns_the_names_of_training_are_read(tmp_path):
    path = write(tmp_path / "data.csv", {"hypothesis": ["b"], "sentence1": ["a"]})
    renamed = data_of("pairs", rename={"sentence1": "premise"}, replace={"hypothesis": {"b": "x"}})
    assert read_table(path, renamed, ["premise", "hypothesis"]) == [("a", "b")]
    assert read_table(path, renamed, ["premise", "hypothesis"], ["hypothesis", "sentence1"]) == [("b", "a")]


def test_words_in_a_list_are_a_text(tmp_path):
    (tmp_path / "data.jsonl").write_text(json.dumps({"words": ["red", "green"], "tags": ["O", "O"]}))
    assert read_table(tmp_path / "data.jsonl", data_of("tokens"), ["words"]) == [("red green",)]
    (tmp_path / "data.conll").write_text("red O\ngreen O\n\ncold O\n")
    assert read_table(tmp_path / "data.conll", data_of("tokens"), ["words"]) == [("red green",), ("cold",)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["first"], r"one column is needed for each of premise, hypothesis, got 1 \(first\)"),
        (["first", "secnd"], r"there is no column 'secnd'; did you mean 'second'\?"),
        (["first", "gaps"], r"column 'gaps': row 2: the text is empty"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, columns, message):
    path = write(tmp_path / "data.csv", {"first": ["a", "b"], "second": ["c", "d"], "gaps": ["e", " "]})
    with pytest.raises(DataError, match=message):
        read_table(path, data_of("pairs"), ["premise", "hypothesis"], columns)
