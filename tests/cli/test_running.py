"""The example input that the last page of a search shows, whatever the task."""

import json

import pytest
from pydantic import TypeAdapter

from ptune.cli.running import example_set, example_texts
from ptune.spec.task import Task


def task_of(content):
    return TypeAdapter(Task).validate_python(content)


def jsonl(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"train": str(path), "dev": str(path)}


@pytest.mark.parametrize(
    ("task", "row", "texts"),
    [
        ({}, {"text": "a\tlovely\nfilm", "label": 1}, ["a lovely film"]),
        ({"kind": "tokens"}, {"words": ["Rain", "fell"], "tags": ["O", "O"]}, ["Rain fell"]),
        ({"kind": "span"}, {"question": "Who?", "context": "Ann ran.", "answers": {}}, ["Who?", "Ann ran."]),
        (
            {"kind": "choice"},
            {"premise": "It rained.", "question": "effect", "choice1": "mud", "choice2": "sun", "label": 0},
            ["It rained.", "effect", "mud", "sun"],
        ),
        ({"kind": "generation"}, {"text": "say it", "target": "it"}, ["say it"]),
        ({"kind": "cloze"}, {"sub_label": "Paris", "obj_label": "France"}, ["Paris"]),
    ],
    ids=lambda value: value.get("kind", "") if isinstance(value, dict) else "",
)
def test_a_real_input_of_every_kind_of_task(tmp_path, task, row, texts):
    data = jsonl(tmp_path / "dev.jsonl", row)
    if task.get("kind") == "cloze":
        data["template"] = "{sub_label} is in [MASK]."
    assert example_texts(task_of({**task, "data": data})) == texts


def test_the_shortest_is_shown_and_of_several_data_sets_the_first(tmp_path):
    data = jsonl(tmp_path / "dev.jsonl", {"text": "much longer", "label": 0}, {"text": "short", "label": 1})
    more = [{**jsonl(tmp_path / "other.jsonl", {"body": "x", "label": 0}), "text": ["body"]}]
    joint = task_of({"data": data, "more": more})
    assert example_texts(joint) == ["short"]
    assert (example_set(joint), example_set(task_of({"data": data}))) == ("set1", None)


def test_what_cannot_be_read_as_it_lies_there_has_a_placeholder(tmp_path):
    data = jsonl(tmp_path / "dev.jsonl", {"passage": {"text": "deep"}, "label": 0})
    assert example_texts(task_of({"data": {**data, "text": ["premise", "hypothesis"]}})) == [
        "a premise",
        "a hypothesis",
    ]
    assert example_texts(task_of({"data": {"source": "some/data", "text": ["sentence"]}})) == ["a sentence"]
