"""Folds of the training data: each example in one, labels in their share, what belongs together in the same."""

import csv
from collections import Counter

import pytest

from ptune.data.folds import folds_of
from ptune.data.sources import load_splits
from ptune.errors import DataError
from ptune.spec.data import ClassificationData
from support.refusals import refused


@pytest.mark.parametrize("folds", [2, 3, 5, 7])
def test_every_fold_has_its_share_of_each_label(folds):
    answers = [int(number % 10 == 0) + int(number % 4 == 0) for number in range(143)]
    fold_of = folds_of(range(143), answers, folds, seed=1)
    sizes = Counter(fold_of)
    assert set(sizes) == set(range(folds))
    assert max(sizes.values()) - min(sizes.values()) <= 1 + len(set(answers)) // 2
    for label, count in Counter(answers).items():
        held = Counter(fold for fold, answer in zip(fold_of, answers, strict=True) if answer == label)
        assert all(count // folds <= held[fold] <= count // folds + 1 for fold in range(folds))
    assert fold_of == folds_of(range(143), answers, folds, seed=1)
    assert fold_of != folds_of(range(143), answers, folds, seed=2)


def test_groups_stay_together_and_folds_stay_even():
    keys = [number // 7 for number in range(140)]
    fold_of = folds_of(keys, [number % 2 for number in range(140)], 4, seed=0)
    assert all(len({fold_of[row] for row in range(140) if keys[row] == key}) == 1 for key in set(keys))
    assert set(Counter(fold_of).values()) == {35}


def test_folds_of_a_file_need_no_dev_split(tmp_path):
    with (tmp_path / "all.csv").open("w", newline="") as stream:
        rows = [(f"text {number % 20}", "no" if number % 20 % 3 else "yes") for number in range(24)]
        csv.writer(stream).writerows([("text", "label"), *rows])
    data = ClassificationData(train=str(tmp_path / "all.csv"), folds=4)
    splits = load_splits(data, seed=3)
    draws = [splits.draw(data, 3, number) for number in range(4)]
    texts = sorted(text for draw in draws for text in draw.dev.texts)
    assert texts == sorted(splits.train.texts)
    for draw in draws:
        assert not set(draw.train.texts) & set(draw.dev.texts), "one text is never on both sides"
        assert len(draw.train) + len(draw.dev) == 24
    assert splits.dev.digest == draws[0].dev.digest
    many = data.model_copy(update={"folds": 21})
    assert "folds <= 20 must hold for 24 examples of 20 texts" in refused(DataError, load_splits, many, seed=3)
