"""Questions about contexts: SQuAD's own files, flat tables, and what is refused."""

import json

import pytest

from ptune.data.questions import ANSWERABLE, UNANSWERABLE
from ptune.data.sources import Splits, load_splits
from ptune.errors import DataError
from ptune.spec.data import SpanData

CONTEXT = "The red cat sat on the old mat."
RED = {"text": "red cat", "answer_start": 4}
MAT = {"text": "mat", "answer_start": 27}
NESTED = {
    "explode": "data.paragraphs.qas",
    "rename": {
        "data.paragraphs.qas.question": "question",
        "data.paragraphs.context": "context",
        "data.paragraphs.qas.answers": "answers",
    },
}


def squad(*questions: dict) -> dict:
    """A file as SQuAD's authors published it."""
    paragraphs = [{"context": CONTEXT, "qas": list(questions)}, {"context": f"Also: {CONTEXT}", "qas": []}]
    return {"version": "v2.0", "data": [{"title": "Cats", "paragraphs": paragraphs}]}


def loaded(path, text: str, **options) -> Splits:
    path.write_text(text, encoding="utf-8")
    return load_splits(SpanData(train=str(path), dev=str(path), **options), seed=0)


def flat(tmp_path, *answers: dict) -> Splits:
    rows = [{"question": "What?", "context": CONTEXT, "answers": answer} for answer in answers]
    return loaded(tmp_path / "flat.jsonl", "\n".join(map(json.dumps, rows)))


@pytest.mark.parametrize("indent", [None, 1])
def test_squads_own_file_is_read_by_the_paths_of_its_columns(tmp_path, indent):
    questions = [
        {"question": "Who sat?", "id": "1", "answers": [RED, MAT], "is_impossible": False},
        {"question": "Who ran?", "id": "2", "answers": [], "is_impossible": True, "plausible_answers": [MAT]},
    ]
    splits = loaded(tmp_path / "train.json", json.dumps(squad(*questions), indent=indent), **NESTED)
    assert splits.train.texts == [("Who sat?", CONTEXT), ("Who ran?", CONTEXT)]
    assert splits.train.labels == [[["red cat", 4], ["mat", 27]], []]
    assert splits.labels == [ANSWERABLE, UNANSWERABLE]


def test_flat_tables_hold_lists_of_texts_and_starts(tmp_path):
    splits = flat(
        tmp_path, {"text": ["red cat"], "answer_start": [4]}, {"text": ["mat", "old mat"], "answer_start": [27, 23]}
    )
    assert splits.train.labels == [[["red cat", 4]], [["mat", 27], ["old mat", 23]]]
    assert splits.labels == [ANSWERABLE]


@pytest.mark.parametrize(
    ("answers", "law"),
    [
        (
            {"text": ["red"], "answer_start": [5]},
            "the answer 'red' is not at character 5 of the context, where 'ed ' stands",
        ),
        ({"text": ["red"], "answer_start": [-1]}, "is not at character -1"),
        ({"text": ["mat"], "answer_start": [270]}, "where '' stands"),
        ({"text": [" "], "answer_start": [3]}, "the answer is empty"),
        ({"text": ["red"], "answer_start": []}, "both as long"),
        ({"text": ["red"], "answer_start": ["4"]}, "a string with an integer answer_start"),
        ({"text": ["red"]}, r"answers must be \{text"),
        ({"text": [], "answer_start": []}, "no question has an answer"),
    ],
)
def test_a_bad_row_is_named(tmp_path, answers, law):
    with pytest.raises(DataError, match=law):
        flat(tmp_path, answers)


def test_unanswerable_questions_come_with_training_or_not_at_all(tmp_path):
    row = {"question": "What?", "context": CONTEXT}
    train, dev = tmp_path / "train.jsonl", tmp_path / "dev.jsonl"
    train.write_text(json.dumps({**row, "answers": [RED]}), encoding="utf-8")
    dev.write_text(json.dumps({**row, "answers": []}), encoding="utf-8")
    with pytest.raises(DataError, match="row 1: the question has no answer, and every question of the training split"):
        load_splits(SpanData(train=str(train), dev=str(dev)), seed=0)
