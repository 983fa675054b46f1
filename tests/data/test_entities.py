"""Entities of passages: ReCoRD as its authors and the Hub have it, plain tables, and what is refused."""

import json

import pytest

from ptune.artifacts.table import read_table
from ptune.data.entities import filled, split_entities
from ptune.data.proposal import propose
from ptune.data.shown import answer_text, inputs
from ptune.data.sources import Splits, load_splits
from ptune.errors import DataError
from ptune.spec.data import EntityData

PASSAGE = "Ada met Bo in Cork.\n@highlight\nAda left Cork"
OWN = {
    "explode": "qas",
    "rename": {
        "passage.text": "passage",
        "passage.entities": "entities",
        "qas.query": "query",
        "qas.answers": "answers",
    },
}
ROW = {"passage": PASSAGE, "query": "@placeholder left", "entities": ["Ada", "Bo", "Cork"], "answers": ["Ada"]}


def own_form(answered: bool = True) -> dict:
    """A line of SuperGLUE's files: the last character of an entity is part of it."""
    places = [(0, 2), (8, 9), (14, 17), (31, 33), (40, 43)]
    answer = {"answers": [{"start": 0, "end": 2, "text": "Ada"}]} if answered else {}
    return {
        "source": "made",
        "passage": {"text": PASSAGE, "entities": [{"start": start, "end": end} for start, end in places]},
        "qas": [{"idx": 0, "query": "@placeholder left", **answer}, {"idx": 1, "query": "who left", **answer}],
        "idx": 0,
    }


def loaded(path, *rows: dict, **options) -> Splits:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return load_splits(EntityData(train=str(path), dev=str(path), **options), seed=0)


def test_superglues_own_lines_are_read_by_the_paths_of_their_columns(tmp_path):
    splits = loaded(tmp_path / "train.jsonl", own_form(), **OWN)
    entities = ["Ada", "Bo", "Cork"]  # each once, though Ada and Cork stand there twice
    assert splits.train.texts == [(PASSAGE, "@placeholder left", entities), (PASSAGE, "who left", entities)]
    assert splits.train.labels == [["Ada"], ["Ada"]]
    (note,) = splits.notes
    assert note.endswith("1 of 2 queries hold no '@placeholder': the entity stands behind them")


def test_tables_of_texts_are_read_like_the_hubs(tmp_path):
    assert loaded(tmp_path / "hub.jsonl", ROW).train.texts == [(PASSAGE, "@placeholder left", ["Ada", "Bo", "Cork"])]
    path = tmp_path / "plain.csv"
    path.write_text("passage,query,entities,answers\nAda met Bo,_ came,Ada | Bo,Bo\n", encoding="utf-8")
    splits = load_splits(EntityData(train=str(path), dev=str(path), placeholder="_"), seed=0)
    assert (splits.train.texts, splits.train.labels) == ([("Ada met Bo", "_ came", ["Ada", "Bo"])], [["Bo"]])
    assert splits.notes == ()


def test_every_entity_is_written_into_the_query():
    asked = ("Ada met Bo", "@placeholder and @placeholder's dog", ["Ada", "Bo"])
    assert filled(asked, "@placeholder") == [("Ada met Bo", "Ada and Ada's dog"), ("Ada met Bo", "Bo and Bo's dog")]
    assert filled(("p", "who came", ["Ada"]), "@placeholder") == [("p", "who came Ada")]
    data = EntityData(source="made")
    assert inputs(data, [asked])[1] == ("Ada met Bo", "Bo and Bo's dog")
    assert answer_text(["Ada", "Bo"], data, []) == "Ada or Bo"


def test_an_entity_may_hold_the_sign_that_separates_others_on_one_line():
    assert split_entities(" Ada | Bo|Ada ") == ["Ada", "Bo"]
    assert split_entities("A|B\nBo\n") == ["A|B", "Bo"]
    assert split_entities("| |") == []


def test_unanswered_files_in_the_same_form_can_be_predicted(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps(own_form(answered=False)), encoding="utf-8")
    data = EntityData(source="made", **OWN)
    assert read_table(path, data, data.columns) == [
        (PASSAGE, "@placeholder left", "Ada\nBo\nCork"),
        (PASSAGE, "who left", "Ada\nBo\nCork"),
    ]


def test_the_form_is_recognised(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join([json.dumps(ROW)] * 3), encoding="utf-8")
    found = propose(path)
    assert (found.kind, found.keys["passage"], found.keys["entities"]) == ("entity", "passage", "entities")
    path.write_text("\n".join([json.dumps(own_form())] * 3), encoding="utf-8")
    nested = propose(path)
    assert (nested.kind, nested.keys["explode"]) == ("entity", "qas")
    splits = load_splits(EntityData(**nested.keys), seed=0)
    assert splits.dev.texts[0] == (PASSAGE, "@placeholder left", ["Ada", "Bo", "Cork"])


@pytest.mark.parametrize(
    ("changes", "law"),
    [
        ({"entities": []}, "column 'entities': row 1: the list is empty"),
        ({"entities": "|"}, "it names no entity: '|'"),
        ({"entities": 3}, "it must be a list of texts, or of {start, end} in the passage, got 3 (int)"),
        ({"entities": ["Ada", 4]}, "an item must be a text, or {start, end} in the passage, got 4 (int)"),
        ({"entities": ["Ada", " "]}, "the text is empty: ' '"),
        ({"entities": [{"start": 0, "end": 99}]}, "start and end must be characters of the passage (0 to 43)"),
        ({"entities": [{"start": 2, "end": 0}]}, "start and end must be characters of the passage"),
        ({"answers": None}, "column 'answers': row 1: it must be a list of texts"),
        ({"answers": ["Eve"]}, "no entity in 'entities' is one of the answers in 'answers'"),
        ({"query": ""}, "column 'query': row 1: the text is empty"),
    ],
)
def test_a_bad_row_is_named(tmp_path, changes, law):
    with pytest.raises(DataError) as caught:
        loaded(tmp_path / "rows.jsonl", ROW | changes)
    assert law in str(caught.value)
