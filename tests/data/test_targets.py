"""Texts and the texts to be written for them, out of a table."""

import json

import pytest

from ptune.data.sources import load_splits
from ptune.errors import DataError
from ptune.spec.data import GenerationData


def data_in(folder, rows: list[dict], **more) -> GenerationData:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return GenerationData(train=str(path), dev=str(path), **more)


def test_an_example_is_its_texts_and_the_text_to_write(tmp_path):
    rows = [{"name": "Aromi", "food": "Chinese", "said": f"Aromi serves {n} dishes."} for n in range(3)]
    splits = load_splits(data_in(tmp_path, rows, text=["name", "food"], target="said"), seed=1)
    assert splits.train.texts[1] == ("Aromi", "Chinese")
    assert splits.dev.labels == ["Aromi serves 0 dishes.", "Aromi serves 1 dishes.", "Aromi serves 2 dishes."]
    assert splits.labels == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"text": "a", "target": " "}, "column 'target': row 2: the text is empty"),
        ({"text": "a", "target": None}, "column 'target': row 2: the text is missing"),
        ({"text": "", "target": "a"}, "column 'text': row 2: the text is empty"),
    ],
)
def test_a_row_without_its_texts_is_refused(row, problem, tmp_path):
    with pytest.raises(DataError, match=problem):
        load_splits(data_in(tmp_path, [{"text": "a", "target": "b"}, row]), seed=1)


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(DataError, match=r"there is no column 'target'.*targets"):
        load_splits(data_in(tmp_path, [{"text": "a", "targets": "b"}]), seed=1)


def test_shots_are_drawn_with_their_targets(tmp_path):
    rows = [{"text": f"in {n}", "target": f"out {n}"} for n in range(8)]
    data = data_in(tmp_path, rows, shots=4, splits=2)
    drawn = load_splits(data, seed=1).draw(data, seed=1, number=1)
    assert [text.replace("in", "out") for (text,) in drawn.train.texts] == drawn.train.labels
    assert len(drawn.dev) == 4
