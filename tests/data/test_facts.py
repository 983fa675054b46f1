"""Facts and choices: real files, vocabularies, relations with files of their own, and every way of being wrong."""

import json

import pytest
from pydantic import ValidationError

from ptune.data.sources import load_splits
from ptune.errors import DataError
from ptune.spec.data import ClozeData
from ptune.spec.task import Cloze


def write(path, *rows):
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return str(path)


def fact(subject, word):
    return {"sub_label": subject, "obj_label": word}


@pytest.fixture
def files(tmp_path):
    train = write(tmp_path / "train.jsonl", fact("Rhine", "Basel"), fact("Elbe", "Dresden"), fact("Main", "Basel"))
    return {"train": train, "dev": write(tmp_path / "dev.jsonl", fact("Spree", "Berlin"))}


def problem(**options):
    with pytest.raises(DataError) as caught:
        load_splits(ClozeData(**options), seed=0)
    return str(caught.value)


def test_pararel_is_read_as_it_is_written(shared_data):
    path = shared_data / "pararel" / "facts" / "P17.jsonl"
    splits = load_splits(ClozeData(train=f"{path}[:80%]", dev=f"{path}[80%:]"), seed=0)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert splits.train.texts[0] == (rows[0]["sub_label"],)
    assert splits.train.labels + splits.dev.labels == [row["obj_label"] for row in rows]
    assert splits.labels == sorted({row["obj_label"] for row in rows})


def test_candidates_are_the_objects_of_every_split(files):
    splits = load_splits(ClozeData(**files), seed=0)
    assert splits.labels == ["Basel", "Berlin", "Dresden"]
    assert splits.train.labels == ["Basel", "Dresden", "Basel"]


@pytest.mark.parametrize(("name", "content"), [("v.txt", "Ulm\nBasel\n\nUlm\n"), ("v.json", '["Ulm", "Basel", "Ulm"]')])
def test_a_vocabulary_is_a_word_a_line_or_a_json_list(files, tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    splits = load_splits(ClozeData(**files, vocabulary=str(tmp_path / name)), seed=0)
    assert splits.labels == ["Ulm", "Basel"]
    assert splits.train.labels == ["Basel", "Dresden", "Basel"], "who is left out is the tokenizer's matter, too"


def test_a_vocabulary_that_is_none_is_refused(files, tmp_path):
    assert "there is no such file; did you mean 'train.jsonl'?" in problem(
        **files, vocabulary=str(tmp_path / "trains.jsonl")
    )
    for name, content, law in (
        ("a.txt", "\n \n", "holds no words"),
        ("b.json", "{", "is not JSON"),
        ("c.json", '{"a": 1}', "must be a list of words, got dict"),
    ):
        (tmp_path / name).write_text(content, encoding="utf-8")
        assert law in problem(**files, vocabulary=str(tmp_path / name))


def test_bad_rows_are_found_before_anything_else(files, tmp_path):
    files["dev"] = write(tmp_path / "bad.jsonl", fact("Spree", "Berlin"), fact(" ", "Ulm"), fact("Isar", ""))
    lines = problem(**files).splitlines()
    assert [line.partition("bad.jsonl: ")[2] for line in lines] == [
        "column 'sub_label': row 2: the text is empty: ' '",
        "column 'obj_label': row 3: the text is empty: ''",
    ]


def test_every_relation_has_its_files_and_its_template():
    templates = {"P17": "{sub_label} is in [MASK].", "P36": "The capital of {sub_label} is [MASK]."}
    task = Cloze(
        kind="cloze",
        data=ClozeData(
            train="{relation}/a.jsonl", dev="{relation}/b.jsonl", relations=["P17", "P36"], templates=templates
        ),
    )
    assert task.set_names == ["P17", "P36"]
    assert [data.train for data in task.sets] == ["P17/a.jsonl", "P36/a.jsonl"]
    assert [data.template for data in task.sets] == list(templates.values())


def test_a_relation_without_a_file_is_named(tmp_path, files):
    data = ClozeData(train=str(tmp_path / "{relation}.jsonl"), dev=files["dev"], relations=["train", "trian"])
    with pytest.raises(DataError, match=r"trian\.jsonl: there is no such file; did you mean 'train\.jsonl'"):
        load_splits(Cloze(kind="cloze", data=data).sets[1], seed=0)


@pytest.mark.parametrize(
    ("options", "law"),
    [
        ({"relations": []}, "at least 1 item"),
        ({"relations": ["a", "b"]}, "several relations need {relation} in the names of their files"),
        ({"templates": {"a": "{sub_label} [MASK]"}}, "templates must hold one for each relation and no other"),
        (
            {"relations": ["a"], "templates": {"a": "{sub_label} [MASK]"}, "template": "{sub_label} is [MASK]"},
            "state template or templates, not both",
        ),
    ],
)
def test_relations_that_do_not_fit_are_refused(options, law):
    with pytest.raises(ValidationError, match=law.replace("{", r"\{")):
        ClozeData(train="a.jsonl", dev="b.jsonl", **options)
