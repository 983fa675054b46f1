"""A part of a file that holds no row is refused with the number of rows that there are."""

import pytest

from ptune.data.sources import load_splits
from ptune.errors import DataError
from ptune.spec.data import ClassificationData, TokensData


@pytest.mark.parametrize("part", ["[100:]", "[900:1000]", "[100%:]", "[:0%]", "[:0]", "[80:20]", "[150%:]"])
def test_a_part_without_rows_is_refused(tmp_path, part):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"t {n},{n % 2}\n" for n in range(100)), encoding="utf-8")
    with pytest.raises(DataError, match="holds no examples: the file has 100 rows") as caught:
        load_splits(ClassificationData(train=str(path), dev=f"{path}{part}"), seed=0)
    assert str(caught.value).startswith(f"{path}{part}: ")


def test_a_part_of_tagged_sentences_is_refused_alike(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("a O\nb B-x\n\nc O\n", encoding="utf-8")
    with pytest.raises(DataError, match="holds no examples: the file has 2 rows"):
        load_splits(TokensData(train=str(path), dev=f"{path}[2:]"), seed=0)


def test_a_part_that_reaches_past_the_end_keeps_what_there_is(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"t {n},{n % 2}\n" for n in range(10)), encoding="utf-8")
    splits = load_splits(ClassificationData(train=str(path), dev=f"{path}[8:1000]"), seed=0)
    assert splits.dev.texts == [("t 8",), ("t 9",)]
