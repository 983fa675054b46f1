"""Parts of splits, rewritten and nested columns, and few-shot draws, on made and on real data."""

import json
from collections import Counter
from pathlib import Path

import pytest

from ptune.data.sources import Split, Splits, load_splits
from ptune.errors import DataError, SpecError
from ptune.spec.data import ClassificationData
from support.refusals import refused

ROWS = [{"text": f"word {number}", "label": ["neg", "pos"][number % 2]} for number in range(10)]


def jsonl(path: Path, rows: list[dict]) -> str:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return str(path)


def texts(split: Split) -> list[str]:
    return [text for (text,) in split.texts]


def refusal(data: ClassificationData) -> str:
    return refused(DataError, load_splits, data, seed=0)


def multirc(folder: Path, **changes) -> ClassificationData:
    return ClassificationData(
        **{
            "train": str(folder / "fewglue32" / "MultiRC" / "train.jsonl"),
            "dev": str(folder / "fewglue32" / "MultiRC" / "dev32.jsonl"),
            "explode": "passage.questions.answers",
            "text": ["passage.text", "passage.questions.question", "passage.questions.answers.text"],
            "label": "passage.questions.answers.label",
            "group": "passage.questions.idx",
        }
        | changes
    )


def test_a_file_may_be_used_in_parts(tmp_path):
    path = jsonl(tmp_path / "all.jsonl", ROWS)
    splits = load_splits(ClassificationData(train=f"{path}[:80%]", dev=f"{path}[80%:]"), seed=0)
    assert texts(splits.train) == [f"word {number}" for number in range(8)]
    assert texts(splits.dev) == ["word 8", "word 9"]


def test_values_may_be_written_otherwise(tmp_path):
    path = jsonl(tmp_path / "all.jsonl", [{"text": "cause", "label": 0}, {"text": "effect", "label": 1}])
    replace = {"text": {"cause": "because"}, "label": {"0": "no"}}
    splits = load_splits(ClassificationData(train=path, dev=path, replace=replace, labels=["no", "1"]), seed=0)
    assert texts(splits.train) == ["because", "effect"]
    assert splits.train.labels == [0, 1]


def test_values_are_written_otherwise_by_the_names_that_labels_have(tmp_path):
    path = jsonl(tmp_path / "all.jsonl", [{"text": "a", "label": True}, {"text": "b", "label": False}])
    data = ClassificationData(train=path, dev=path, replace={"label": {"true": "yes", "false": "no"}})
    assert load_splits(data, seed=0).labels == ["no", "yes"]


def test_a_column_to_rewrite_must_be_there(tmp_path):
    path = jsonl(tmp_path / "all.jsonl", ROWS)
    message = refusal(ClassificationData(train=path, dev=path, replace={"txt": {"a": "b"}}))
    assert "there is no column 'txt'; did you mean 'text'?" in message


def test_the_answers_of_multirc_become_examples_of_their_own(shared_data):
    data = multirc(shared_data)
    splits = load_splits(data, seed=0)
    nested = [json.loads(line) for line in Path(data.train).read_text(encoding="utf-8").splitlines()]
    expected = [
        ((row["passage"]["text"], question["question"], answer["text"]), answer["label"])
        for row in nested
        for question in row["passage"]["questions"]
        for answer in question["answers"]
    ]
    assert splits.train.texts == [own for own, _ in expected]
    assert [splits.labels[label] for label in splits.train.labels] == [str(label) for _, label in expected]
    questions = [question["idx"] for row in nested for question in row["passage"]["questions"]]
    assert len(Counter(splits.train.groups)) == len(set(questions))


def test_a_list_that_is_not_there_is_named_with_the_nearest(shared_data):
    message = refusal(multirc(shared_data, explode="passage.questions.answer"))
    assert "there is no nested list 'passage.questions.answer'; did you mean 'passage.questions.answers'?" in message


# --- few-shot draws ---


def made(count: int, dev: int, **options) -> tuple[Splits, ClassificationData]:
    def split(first: int, size: int) -> Split:
        numbers = range(first, first + size)
        return Split([(str(number),) for number in numbers], [n % 2 for n in numbers], "made", "", list(numbers))

    data = ClassificationData(source="made", **options)
    return Splits(split(0, count), split(count, dev), split(1_000, 5), ["even", "odd"]), data


def test_draws_are_disjoint_of_the_stated_size_and_keep_answers_and_groups():
    splits, data = made(20, 20, shots=16, splits=3)
    for number in range(3):
        drawn = splits.draw(data, seed=1, number=number)
        train, dev = texts(drawn.train), texts(drawn.dev)
        assert (len(train), len(dev)) == (16, 16)
        assert len({*train, *dev}) == 32
        for split in (drawn.train, drawn.dev):
            assert split.labels == [int(text) % 2 for text in texts(split)]
            assert split.groups == list(map(int, texts(split)))
        assert drawn.test is splits.test


def test_a_draw_takes_from_training_and_dev_alike():
    splits, data = made(20, 20, shots=16)
    drawn = texts(splits.draw(data, seed=1, number=0).train)
    assert 3 < sum(int(text) < 20 for text in drawn) < 13


def test_a_draw_depends_on_seed_and_number_alone():
    splits, data = made(20, 20, shots=8, splits=4)
    drawn = {(seed, number): texts(splits.draw(data, seed, number).train) for seed in (1, 2) for number in range(4)}
    assert drawn[1, 3] == texts(splits.draw(data, 1, 3).train)
    assert len(set(map(tuple, drawn.values()))) == 8


def test_draws_know_what_they_hold():
    splits, data = made(20, 20, shots=8, splits=2)
    digests = {splits.draw(data, 1, number).train.digest for number in (0, 1)}
    assert len(digests) == 2
    assert splits.draw(data, 1, 0).train.digest in digests


def test_without_shots_the_splits_stay_whole():
    splits, data = made(6, 4)
    assert splits.draw(data, seed=1, number=0) is splits


def test_a_draw_of_too_few_examples_is_refused():
    splits, data = made(6, 4, shots=6)
    with pytest.raises(SpecError, match=r"task.data.shots <= 5 must hold for 10 examples, got 6"):
        splits.draw(data, seed=1, number=0)
