"""Files in other encodings, with other delimiters, compressed, column by column or with bad rows: read, or refused."""

import gzip
import json

import pandas as pd
import pytest

from ptune.artifacts.table import read_table
from ptune.data.sources import Splits, load_splits
from ptune.errors import DataError
from ptune.spec.data import ClassificationData, TokensData
from support.data_files import zipped

TEXTS = ["schöne Wohnung", "öde Gegend", "große Küche", "laute Straße"]
LABELS = ["gut", "übel", "gut", "übel"]
CSV = "text,label\n" + "".join(f"{text},{label}\n" for text, label in zip(TEXTS, LABELS, strict=True))
JSON = json.dumps([{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)])
JSON_LINES = "\n".join(map(json.dumps, json.loads(JSON)))
RUSSIAN = "\u0434\u043e\u0431\u0440\u044b\u0439 \u0434\u0435\u043d\u044c,\u0434\u0430\n"


def made(path, content: str | bytes):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path, **keys) -> Splits:
    return load_splits(ClassificationData(train=str(path), dev=str(path), **keys), seed=0)


def refused(path, **keys) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **keys)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "keys", "said"),
    [
        ("a.csv", CSV.encode("utf-8-sig"), {}, None),
        ("a.csv", CSV.encode("utf-16"), {}, None),
        ("a.csv", CSV.encode("utf-16-be"), {"encoding": "utf-16-be"}, None),
        ("a.csv", CSV.encode("latin-1"), {"encoding": "latin-1"}, None),
        ("a.csv", CSV.replace("\n", "\r\n").encode("cp1252"), {"encoding": "windows-1252"}, None),
        ("a.json", json.dumps(json.loads(JSON), ensure_ascii=False).encode("cp850"), {"encoding": "cp850"}, None),
        ("a.csv", CSV.replace(",", ";"), {}, 'delimiter = ";"'),
        ("a.csv", CSV.replace(",", "\t"), {}, 'delimiter = "\\t"'),
        ("a.csv", CSV.replace(",", "|"), {"delimiter": "|"}, None),
        ("a.tsv", CSV, {}, 'delimiter = ","'),
        ("a.txt", CSV.replace(",", "\t"), {}, None),
        ("a.csv", CSV.replace(",", '","').replace("\n", '"\n"')[:-1].join(['"', ""]), {}, None),
        ("a.csv", "\n".join(line + "," for line in CSV.splitlines()), {}, None),
        ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0), {}, None),
        ("a.zip", zipped({"a.csv": CSV}), {}, None),
        ("a.json.zip", zipped({"b.jsonl": JSON_LINES, "__MACOSX/b.jsonl": "x"}), {}, None),
        ("a.json", json.dumps({"text": TEXTS, "label": LABELS}), {}, "column by column"),
        ("a.json", pd.DataFrame({"text": TEXTS, "label": LABELS}).to_json(), {}, "column by column"),
        ("a.json", pd.DataFrame({"text": TEXTS, "label": LABELS}).to_json(orient="index"), {}, "each key is a row"),
    ],
)
def test_the_same_examples_are_read_and_what_was_assumed_is_said(tmp_path, name, content, keys, said):
    splits = read(made(tmp_path / name, content), **keys)
    assert splits.train.digest == read(made(tmp_path / "plain.csv", CSV)).train.digest
    assert [said in note for note in splits.notes] == ([True] if said else [])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", CSV.encode("latin-1"), ["line 2 holds the byte 0xf6", 'encoding = "cp1252"']),
        ("a.jsonl", '{"text": "한국어 문장"}'.encode("cp949"), ["not UTF-8: line 1", 'encoding = "cp949"']),
        ("a.csv", f"text,label\n{RUSSIAN}".encode("cp1251"), ["line 2 holds", 'encoding = "cp1251"']),
        ("a.conll", "é O\nb B-X\n".encode("latin-1"), ["line 1 holds the byte 0xe9"]),
        ("a.csv", CSV.encode("utf-16-le"), ['encoding = "utf-16-le"']),
        ("a.csv.bz2", "x", [".bz2 is not read", ".gz"]),
        ("a.xlsx", "PK", ["is a spreadsheet", "save it as .csv"]),
        ("a.csv", gzip.compress(CSV.encode(), mtime=0), ["is compressed (gz); write its name with .gz"]),
        ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:-20], ["cannot be loaded"]),
        ("a.zip", zipped({"a.csv": CSV, "b.csv": CSV}), ["must hold one file, got 2 (a.csv, b.csv)"]),
        ("a.zip", b"PK\x03\x04", ["cannot be loaded"]),
        ("a.csv", CSV + '"never closed,gut\n' + CSV, ["a quote", "line 6 is never closed"]),
        ("a.json", json.dumps({"data": [{"text": "a", "label": "b"}]}), ["explode = 'data'", "data.text, data.label"]),
        (
            "a.json",
            json.dumps({"intents": [{"tag": "hi", "patterns": ["hello", "hey"]}]}),
            ["intents (with intents.tag, intents.patterns)", "intents.patterns"],
        ),
    ],
)
def test_what_is_not_read_is_refused_with_the_way_out(tmp_path, name, content, said):
    message = refused(made(tmp_path / name, content))
    assert message.startswith(f"{tmp_path / name}: ")
    assert [part for part in said if part not in message] == [], message


def test_a_bad_row_is_refused_or_left_out_and_said(tmp_path):
    lines = [*CSV.splitlines(), "noch,was,mehr", " ,gut", "kein Wort,", "fein,gut"]
    path = made(tmp_path / "a.csv", "\n".join(lines))
    assert "row 5: line 6 has 3 cells" in refused(path)
    splits = read(path, on_bad_row="skip")
    assert splits.train.texts == [(text,) for text in [*TEXTS, "fein"]]
    first, second = splits.notes
    assert "1 of 8 rows are left out: row 5: line 6 has 3 cells" in first
    assert "2 of 7 rows are left out: row 6: the text is empty: ' '; row 7: the label is missing" in second
    whole = "\n".join([json.dumps(row) for row in json.loads(JSON)] + ['{"text": "cut', "5"])
    splits = read(made(tmp_path / "a.jsonl", whole), on_bad_row="skip")
    assert len(splits.train) == 4
    assert "2 of 6 rows are left out: row 5: not JSON: " in splits.notes[0]
    assert "holds no good row" in refused(made(tmp_path / "b.csv", "text,label\n,a\n,b\n"), on_bad_row="skip")


def test_a_row_of_another_label_is_left_out_where_bad_rows_are(tmp_path):
    train, dev = made(tmp_path / "a.csv", CSV), made(tmp_path / "b.csv", CSV + "Rest,Gut \nnoch,neu\n")
    data = ClassificationData(train=str(train), dev=str(dev))
    with pytest.raises(DataError, match=r"row 5: label 'Gut' is not among the labels; did you mean 'gut'\?"):
        load_splits(data, seed=0)
    splits = load_splits(data.model_copy(update={"on_bad_row": "skip"}), seed=0)
    assert len(splits.dev) == 4
    assert "2 of 6 rows are left out: row 5: label 'Gut'" in splits.notes[0]


def test_labels_that_look_alike_or_missing_are_named_once(tmp_path):
    labels = ["True", "TRUE", "1", "1.0", "ja", "ja\u200b", "NaN", "nein"]
    path = made(tmp_path / "a.csv", "text,label\n" + "".join(f"w,{label}\n" for label in [*labels, "True"]))
    twins, missing = read(path).notes
    assert "'True' (2), 'TRUE' (1); '1' (1), '1.0' (1); 'ja' (1), 'ja\\u200b' (1)" in twins
    assert 'replace = { "label" = { "TRUE" = "True" } }' in twins
    assert missing.endswith("is a class of its own: 'NaN' (1)")
    again = read(path, replace={"label": {"TRUE": "True", "1.0": "1", "ja\u200b": "ja", "NaN": "nein"}})
    assert again.notes == ()
    assert again.labels == ["1", "True", "ja", "nein"]


def test_whole_numbers_are_labels_however_pandas_writes_them(tmp_path):
    frame = pd.DataFrame({"text": ["a", "b", "c"], "label": [0.0, 1.0, 1.0]})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    assert [read(tmp_path / name).labels for name in ("a.parquet", "a.jsonl")] == [["0", "1"]] * 2
    assert read(tmp_path / "a.parquet", replace={"label": {"0.0": "no", "1": "yes"}}).labels == ["no", "yes"]
    pd.DataFrame({"text": ["a", "b"], "label": [0.0, None]}).to_parquet(tmp_path / "b.parquet")
    assert "row 2: the label is missing" in refused(tmp_path / "b.parquet")


def test_tags_of_no_scheme_are_named(tmp_path):
    path = made(tmp_path / "a.conll", "a DET\nb NOUN\n\nc B-x\nd O\n")
    splits = load_splits(TokensData(train=str(path), dev=str(path)), seed=0)
    assert splits.notes[0].startswith(f"{path}: the tags 'DET', 'NOUN' are of no scheme")


def test_limits_keep_the_proportions_of_labels_by_seed(tmp_path):
    rows = [f"t {number},{'abc'[number // 40 if number < 80 else 2]}" for number in range(100)]
    path = made(tmp_path / "a.csv", "text,label\n" + "\n".join(rows))
    keys = {"limit_train": 30, "limit_dev": 10, "test": str(path), "limit_test": 5}
    splits = read(path, **keys)
    for split, counts in ((splits.train, [12, 12, 6]), (splits.dev, [4, 4, 2]), (splits.test, [2, 2, 1])):
        assert [split.labels.count(label) for label in range(3)] == counts
    smaller = read(path, **keys | {"limit_dev": 3})
    assert set(smaller.dev.texts) < set(splits.dev.texts)
    other = load_splits(ClassificationData(train=str(path), dev=str(path), limit_dev=10), seed=1)
    assert other.dev.digest != splits.dev.digest == read(path, **keys).dev.digest


def test_predicting_reads_as_training_does_and_leaves_no_row_out(tmp_path):
    data = ClassificationData(train="a.csv", dev="a.csv", encoding="latin-1", on_bad_row="skip")
    path = made(tmp_path / "a.csv", CSV.replace(",", ";").encode("latin-1"))
    assert read_table(path, data, ["text"]) == [(text,) for text in TEXTS]
    assert read_table(
        made(tmp_path / "b.csv.gz", gzip.compress(CSV.encode("utf-8-sig"), mtime=0)),
        data.model_copy(update={"encoding": None}),
        ["text"],
    ) == [(text,) for text in TEXTS]
    with pytest.raises(DataError, match="row 2: the text is empty"):
        read_table(made(tmp_path / "c.csv", 'text\nx\n""\n'), data, ["text"])


def test_more_shots_than_examples_are_refused_when_data_is_read(tmp_path):
    assert refused(made(tmp_path / "a.csv", CSV), shots=5) == "task.data.shots <= 4 must hold for 8 examples, got 5"


@pytest.mark.parametrize(
    ("keys", "law"),
    [
        ({"encoding": "utf8x"}, "encoding must be one that Python knows"),
        ({"encoding": "base64"}, "encoding must be one that Python knows"),
        ({"delimiter": "::"}, "delimiter must be one sign"),
        ({"delimiter": '"'}, "delimiter must be one sign"),
    ],
)
def test_keys_of_reading_are_laws_of_the_job(keys, law):
    with pytest.raises(ValueError, match=law):
        ClassificationData(train="a.csv", dev="a.csv", **keys)
