"""Built-in tasks: found by folder, named in errors, sound as data."""

import pytest

from ptune.data.builtin import names, split_file
from ptune.data.sources import load_splits
from ptune.errors import DataError
from ptune.spec.data import ClassificationData as Data


@pytest.fixture
def tasks(tmp_path):
    for name in ("films", "weather"):
        (tmp_path / name).mkdir()
        for split in ("train", "dev", "test"):
            (tmp_path / name / f"{split}.tsv").write_text("text\tlabel\n")
    return tmp_path


def test_a_task_is_a_folder(tasks):
    assert names(tasks) == ["films", "weather"]
    assert split_file("builtin:films", "dev", tasks) == tasks / "films" / "dev.tsv"


def test_an_unknown_task_is_named_with_the_nearest(tasks):
    with pytest.raises(
        DataError, match=r"no built-in task 'film'; did you mean 'films'\? \(there are: films, weather\)"
    ):
        split_file("builtin:film", "dev", tasks)


def test_an_unknown_split_is_named_with_the_nearest(tasks):
    with pytest.raises(DataError, match=r"no split 'tset'; did you mean 'test'\? \(there are: dev, test, train\)"):
        split_file("builtin:films", "tset", tasks)


def test_a_job_that_names_no_known_task_is_refused():
    with pytest.raises(DataError, match="there is no built-in task 'nothing'"):
        load_splits(Data(source="builtin:nothing"), seed=0)


@pytest.mark.parametrize("name", names())
def test_a_shipped_task_is_sound(name):
    splits = load_splits(Data(source=f"builtin:{name}", test="test"), seed=0)
    parts = [splits.train, splits.dev, splits.test]
    texts = [text.casefold() for part in parts for (text,) in part.texts]
    assert len(set(texts)) == len(texts)
    assert all(text == text.strip() for part in parts for (text,) in part.texts)
    for part in parts:
        shares = [part.labels.count(label) / len(part) for label in range(len(splits.labels))]
        assert min(shares) > 0.5 / len(splits.labels)
