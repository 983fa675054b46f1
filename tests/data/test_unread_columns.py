"""Columns that a job does not read cannot stop it, in any format; those that it reads are refused by name."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ptune.data.sources import load_splits
from ptune.errors import DataError
from ptune.spec.data import ClassificationData
from support.data_files import write

ROWS = [{"text": "fine film", "label": "pos"}, {"text": "dull film", "label": "neg"}]
PLAIN = "text,label\nfine film,pos\ndull film,neg\n"


def loaded(path: str, **options):
    return load_splits(ClassificationData(train=path, dev=path, **options), seed=0)


def refusal(path: str, **options) -> str:
    with pytest.raises(DataError) as caught:
        loaded(path, **options)
    return str(caught.value).splitlines()[0]


@pytest.fixture
def digest(tmp_path) -> str:
    """What the same two examples have as a digest where nothing stands beside them."""
    return loaded(write(tmp_path / "plain.csv", PLAIN)).train.digest


def test_the_file_that_pandas_writes_by_default_is_read(tmp_path, digest):
    path = tmp_path / "frame.csv"
    pd.DataFrame(ROWS).to_csv(path)
    assert path.read_text(encoding="utf-8").startswith(",text,label\n")
    assert loaded(str(path)).train.digest == digest


@pytest.mark.parametrize(
    "content",
    [
        "id,id,text,label\n1,2,fine film,pos\n3,4,dull film,neg\n",
        ",,text,label\n1,2,fine film,pos\n3,4,dull film,neg\n",
        "Unnamed: 0,,text,label\n1,2,fine film,pos\n3,4,dull film,neg\n",
        "id,id.1,id,text,label\n1,2,3,fine film,pos\n4,5,6,dull film,neg\n",
        "text,label,\nfine film,pos,\ndull film,neg,\n",
        "text,label,note\nfine film,pos\ndull film,neg\n",
        "\n\ntext,label\nfine film,pos\n\ndull film,neg\n",
    ],
)
def test_odd_headers_of_unread_columns_do_not_matter(tmp_path, digest, content):
    assert loaded(write(tmp_path / "a.csv", content)).train.digest == digest
    assert loaded(write(tmp_path / "a.tsv", content.replace(",", "\t"))).train.digest == digest


@pytest.mark.parametrize(
    "extra",
    [
        (None, None),
        (1, "one"),
        ({"a": 1}, {"a": [1]}),
        ([], [[1]]),
        (2**80, -1),
        ("\ud800", ""),
        ("2020-01-01", "never"),
    ],
)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_unread_values_of_json_may_be_anything(tmp_path, digest, extra, suffix):
    rows = [{"extra": value, **row} for value, row in zip(extra, ROWS, strict=True)]
    content = json.dumps(rows) if suffix == ".json" else "\n".join(map(json.dumps, rows))
    assert loaded(write(tmp_path / f"a{suffix}", content)).train.digest == digest


def test_unread_names_of_json_may_be_repeated(tmp_path, digest):
    lines = [json.dumps(row).replace("{", '{"id": 1, "id": 2, ') for row in ROWS]
    assert loaded(write(tmp_path / "a.jsonl", "\n".join(lines))).train.digest == digest


def test_unread_columns_of_parquet_may_repeat_names_and_have_any_type(tmp_path, digest):
    texts, labels = ([row[name] for row in ROWS] for name in ("text", "label"))
    pairs = pa.array([[("a", 1)], []], type=pa.map_(pa.string(), pa.int64()))
    table = pa.table([texts, labels, [1, 2], [3, 4], pairs], names=["text", "label", "id", "id", "map"])
    pq.write_table(table, tmp_path / "a.parquet")
    assert loaded(str(tmp_path / "a.parquet")).train.digest == digest
    assert "names a column twice: 'id'" in refusal(str(tmp_path / "a.parquet"), label="id")


def test_a_column_that_is_renamed_or_rewritten_is_read(tmp_path):
    content = "id,id,sentence,label\n1,2,fine film,1\n3,4,dull film,0\n"
    options = {"rename": {"sentence": "text"}, "replace": {"label": {"1": "pos", "0": "neg"}}}
    assert loaded(write(tmp_path / "a.csv", content), **options).labels == ["neg", "pos"]
    assert "the header names a column twice: 'id'" in refusal(write(tmp_path / "b.csv", content), rename={"id": "text"})


def test_a_missing_column_is_hinted_at_with_those_that_nobody_reads(tmp_path):
    path = write(tmp_path / "a.jsonl", json.dumps({"sentence": "a", "label": 1}))
    assert "(there are: sentence, label)" in refusal(path)


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_a_date_in_a_text_is_a_text(tmp_path, suffix):
    rows = [{"text": "2020-01-01", "label": "2021-01-01"}, {"text": "2020-01-02", "label": "2022-01-01"}]
    content = json.dumps(rows) if suffix == ".json" else "\n".join(map(json.dumps, rows))
    splits = loaded(write(tmp_path / f"a{suffix}", content))
    assert splits.train.texts == [("2020-01-01",), ("2020-01-02",)]
    assert splits.labels == ["2021-01-01", "2022-01-01"]
