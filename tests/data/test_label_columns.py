"""Labels of which each has a column of 0 and 1, as many files of comments and of diagnoses have them."""

import json

import pytest
from pydantic import ValidationError

from ptune.data.sources import load_splits
from ptune.errors import DataError
from ptune.spec.data import MultilabelData

NAMES = ["toxic", "obscene", "threat"]
ROWS = [(1, 0, 0), (0, 0, 0), (1, 1, 0), (0, 0, 1)]


def data(path, **options):
    return MultilabelData(train=str(path), dev=str(path), text=["note"], label_columns=NAMES, **options)


def table(path, rows=ROWS):
    lines = [",".join(map(str, ("id", "note", *NAMES)))]
    lines += [",".join(map(str, (number, f"note {number}", *row))) for number, row in enumerate(rows)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_label_is_given_where_its_column_holds_1(tmp_path):
    splits = load_splits(data(table(tmp_path / "a.csv")), 0)
    assert (splits.labels, splits.notes) == (NAMES, ())
    assert splits.train.labels == [[0], [], [0, 1], [2]]
    assert splits.train.texts[2] == ("note 2",)


@pytest.mark.parametrize("flags", [(False, True), (0.0, 1.0), ("0", "1"), ("0.0", "1.0"), ("False", "TRUE")])
def test_flags_are_understood_as_programs_write_them(tmp_path, flags):
    rows = [
        {"note": f"note {number}"} | {name: flags[on] for name, on in zip(NAMES, row, strict=True)}
        for number, row in enumerate(ROWS)
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows), encoding="utf-8")
    assert load_splits(data(tmp_path / "a.json"), 0).train.labels == [[0], [], [0, 1], [2]]


@pytest.mark.parametrize(
    ("cell", "law"),
    [("-1", "a label's column holds 0 or 1, got '-1'"), ("0.7", "got '0.7'"), ("yes", "got 'yes'"), ("", "is missing")],
)
def test_what_is_neither_0_nor_1_is_refused_by_its_column_and_row_or_left_out(tmp_path, cell, law):
    path = table(tmp_path / "a.csv", [*ROWS, (0, cell, 1)])
    with pytest.raises(DataError) as refused:
        load_splits(data(path), 0)
    assert law in str(refused.value)
    assert "column 'obscene': row 5" in str(refused.value)
    assert load_splits(data(path, on_bad_row="skip"), 0).train.labels == [[0], [], [0, 1], [2]]
    if cell == "yes":
        replaced = data(path, replace={"obscene": {"yes": "1"}})
        assert load_splits(replaced, 0).train.labels[-1] == [1, 2]


@pytest.mark.parametrize(
    ("options", "law"),
    [
        ({"separator": "|"}, "state label_columns or separator, not both"),
        ({"labels": ["a", "b"]}, "state label_columns or labels, not both"),
        ({"label": "tags"}, "state label_columns or label, not both"),
        ({"label_columns": ["a", "a"]}, "must differ from each other and from text"),
        ({"label_columns": ["text", "a"]}, "must differ from each other and from text"),
        ({"label_columns": ["a"]}, "at least 2 items"),
    ],
)
def test_labels_have_one_place(options, law):
    with pytest.raises(ValidationError, match=law):
        MultilabelData(**{"source": "a/b", "label_columns": NAMES, **options})
