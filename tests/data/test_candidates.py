"""Multiple choice: COPA as it is written, and every way in which candidates can be wrong."""

import json

import pytest
from pydantic import ValidationError

from ptune.data.sources import load_splits
from ptune.errors import DataError
from ptune.spec.data import ChoiceData

QUESTIONS = {"question": {"cause": "because", "effect": "so"}}
ROW = {"premise": "It rained.", "question": "effect", "choice1": "It was wet.", "choice2": "It was dry.", "label": 0}


def problem(folder, *rows, **options):
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps({**ROW, **row}) for row in rows), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_splits(ChoiceData(train=str(path), dev=str(path), **options), seed=0)
    return str(caught.value).splitlines()[0]


def test_copa_is_read_as_it_is_written(shared_data):
    folder = shared_data / "copa"
    data = ChoiceData(train=str(folder / "train.jsonl"), dev=str(folder / "dev.jsonl"), replace=QUESTIONS)
    splits = load_splits(data, seed=0)
    assert (len(splits.train), len(splits.dev)) == (400, 100)
    assert splits.labels == ["choice1", "choice2"]
    assert splits.train.labels[:3] == [0, 0, 1]
    assert splits.train.texts[0] == (
        "My body cast a shadow over the grass.",
        "because",
        "The sun was rising.",
        "The grass was cut.",
    )


def test_candidates_that_every_row_holds_are_read_once(shared_data):
    path = str(shared_data / "copa" / "dev.jsonl")
    text = ["choice1", "choice2", "premise", "question"]
    splits = load_splits(ChoiceData(train=path, dev=path, text=text), seed=0)
    assert splits.dev.texts[0][:3] == (
        "The toilet filled with water.",
        "Water flowed from the spout.",
        "The man turned on the faucet.",
    )
    assert len(splits.dev.texts[0]) == 4


def test_numbers_may_be_written_as_text(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("premise,question,choice1,choice2,label\na,so,b,c,2\nd,so,e,f,1\n", encoding="utf-8")
    counted_from_one = {"label": {"1": "0", "2": "1"}}
    splits = load_splits(ChoiceData(train=str(path), dev=str(path), replace=counted_from_one), seed=0)
    assert splits.train.labels == [1, 0]


@pytest.mark.parametrize("label", [2, -1, "b", None, True, 0.5])
def test_a_number_of_no_candidate_is_refused(tmp_path, label):
    found = problem(tmp_path, {"label": label})
    assert "column 'label': row 1: the label must be the number of the right candidate, 0 to 1, got" in found


def test_a_missing_candidate_is_refused(tmp_path):
    assert "column 'choice2': row 2: the text is empty" in problem(tmp_path, {}, {"choice2": ""})
    assert "there is no column 'choice3'; did you mean 'choice2'?" in problem(
        tmp_path, {}, choices=["choice1", "choice3"]
    )


@pytest.mark.parametrize(
    ("options", "law"),
    [
        ({"choices": ["a"]}, "at least 2 items"),
        ({"choices": ["a", "a"]}, "choices must differ from each other and from the label"),
        ({"choices": ["a", "label"]}, "choices must differ from each other and from the label"),
        ({"text": ["premise", "choice"]}, "text may not hold a column 'choice'"),
    ],
)
def test_columns_that_cannot_be_candidates_are_refused(options, law):
    with pytest.raises(ValidationError, match=law):
        ChoiceData(train="a.jsonl", dev="b.jsonl", **options)
