"""Tagged words: files with a word on each line, tables with lists, and what is refused."""

import json
import re

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from ptune.data.readers import Reading, read_file
from ptune.data.sources import Splits, load_splits
from ptune.errors import DataError
from ptune.spec.data import TokensData

CONLL = """-DOCSTART- -X- O

## a comment, with\ttabs
EU NNP B-ORG
rejects VBZ O

Peter\tB-PER
Blackburn\tI-PER
\t
.\tO
"""


def write(path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def loaded(train: str, dev: str | None = None, **options) -> Splits:
    return load_splits(TokensData(train=train, dev=dev or train, **options), seed=0)


def rows(path, *each: dict) -> str:
    return write(path, "\n".join(map(json.dumps, each)))


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("suffix", [".conll", ".annotated", ".txt", ".tsv"])
def test_the_first_column_is_the_word_and_the_last_its_tag(tmp_path, suffix, ends):
    path = tmp_path / f"train{suffix}"
    path.write_bytes(CONLL.replace("\n", ends).encode())
    splits = loaded(str(path))
    assert splits.labels == ["B-ORG", "B-PER", "I-PER", "O"]
    assert splits.train.texts == [(["EU", "rejects"],), (["Peter", "Blackburn"],), (["."],)]
    assert splits.train.labels == [[0, 3], [1, 2], [3]]


def test_wnut17_has_its_published_sizes(shared_data):
    folder = shared_data / "wnut17"
    names = ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")
    tables = [read_file(folder / name, reading=Reading(tagged=True)) for name in names]
    assert [len(table) for table in tables] == [3394, 1009, 1287]
    begins = [sum(tag.startswith("B-") for tags in table["tags"] for tag in tags) for table in tables]
    assert begins == [1975, 836, 1079]


def test_characters_are_words_and_blanks_are_none(shared_data):
    path = shared_data / "klue" / "klue-ner-v1.1_dev.tsv"
    table = read_file(path, reading=Reading(tagged=True))
    marked = next(line for line in path.read_text(encoding="utf-8").split("\n") if "\t<" in line).split("\t")[1]
    bare = "".join(table["words"][0])
    assert len(table) == 5000
    assert " " in bare
    assert bare == re.sub(r"<([^<>]+):[A-Z]{2}>", r"\1", marked)

    splits = loaded(str(path), limit_train=5, limit_dev=1, limit_by="first")
    assert splits.labels == [f"{place}-{kind}" for place in "BI" for kind in ("DT", "LC", "OG", "PS", "QT", "TI")] + [
        "O"
    ]
    ((words,),) = splits.dev.texts
    assert "".join(words) == bare.replace(" ", "")


def test_declared_tags_keep_their_order(tmp_path):
    tags = ["O", "B-x", "I-x"]
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=tags))})
    table = Dataset.from_dict({"tokens": [["a", "b"], ["c"]], "ner_tags": [[1, 2], [0]]}, features=features)
    table.to_parquet(tmp_path / "train.parquet")
    splits = loaded(str(tmp_path / "train.parquet"), words="tokens", tags="ner_tags")
    assert splits.labels == tags
    assert splits.train.labels == [[1, 2], [0]]


def test_the_job_states_the_order_of_tags(tmp_path):
    path = rows(tmp_path / "a.jsonl", {"words": ["a", "b"], "tags": ["B-x", "O"]})
    splits = loaded(path, labels=["O", "B-x", "I-x"])
    assert splits.labels == ["O", "B-x", "I-x"]
    assert splits.train.labels == [[1, 0]]


def test_further_texts_stand_behind_the_sentence(tmp_path):
    path = rows(tmp_path / "a.jsonl", {"words": ["she", " ", "ran"], "tags": ["B-A0", "O", "B-V"], "verb": "ran"})
    assert loaded(path, text=["verb"]).train.texts == [(["she", "ran"], "ran")]


@pytest.mark.parametrize(
    ("row", "law"),
    [
        ({"words": ["a", "b"], "tags": ["O"]}, "every word has one tag, got 1 tags for 2 words"),
        ({"words": "a b", "tags": ["O", "O"]}, "the words must be a list of strings"),
        ({"words": ["a"], "tags": "O"}, "the tags must be a list"),
        ({"words": [" "], "tags": ["O"]}, "there is no word"),
        ({"words": ["a"], "tags": [" "]}, "a tag is missing"),
        ({"words": ["a"], "tags": ["O"]}, "tags must differ; every word here has 'O'"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, law):
    with pytest.raises(DataError, match=law):
        loaded(rows(tmp_path / "a.jsonl", row))


def test_a_tag_that_training_lacks_is_named(tmp_path):
    train = rows(tmp_path / "a.jsonl", {"words": ["a", "b"], "tags": ["B-loc", "O"]})
    dev = rows(tmp_path / "b.jsonl", {"words": ["a"], "tags": ["O"]}, {"words": ["a"], "tags": ["B-lok"]})
    with pytest.raises(DataError, match=r"row 2: tag 'B-lok' is not among the tags.*'B-loc'.*valid: B-loc, O"):
        loaded(train, dev)


@pytest.mark.parametrize(
    ("tag", "hint"),
    [
        ("I-product", "is not among the tags, which have 'product' only in 'B-product' (valid: "),
        ("I-locc", "is not among the tags; did you mean 'I-loc'? (valid: "),
        ("B-work", "is not among the tags (valid: "),
        ("o", "is not among the tags (valid: "),
    ],
)
def test_only_a_plausible_tag_is_suggested(tmp_path, tag, hint):
    """Another place in an entity of the same kind is no misspelling."""
    tags = ["B-product", "B-loc", "I-loc", "O"]
    train = rows(tmp_path / "a.jsonl", {"words": ["a", "b", "c", "d"], "tags": tags})
    dev = rows(tmp_path / "b.jsonl", {"words": ["a"], "tags": [tag]})
    with pytest.raises(DataError) as refused:
        loaded(train, dev)
    assert f"tag {tag!r} {hint}" in str(refused.value)


@pytest.mark.parametrize("line", ["word", "word\t"])
def test_a_word_without_a_tag_is_named(tmp_path, line):
    with pytest.raises(DataError, match="line 2: a word and its tag must stand there"):
        loaded(write(tmp_path / "a.conll", f"a O\n{line}\n"))


def test_a_file_of_comments_holds_no_examples(tmp_path):
    with pytest.raises(DataError, match="holds no examples"):
        loaded(write(tmp_path / "a.conll", "## one\n\n-DOCSTART- O\n"))
