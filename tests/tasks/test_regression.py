"""Regression: metrics against independent implementations and at their edges, the loss, and the numbers of files."""

import json

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, mean_squared_error

from ptune.data.sources import Split, load_splits
from ptune.errors import DataError
from ptune.prompts.rows import Examples
from ptune.spec.data import RegressionData
from ptune.tasks.regression import RegressionKind

KIND = RegressionKind(["text"])


def measure(predicted, labels) -> dict[str, float]:
    split = Split([("text",)] * len(labels), [float(label) for label in labels], "made", "")
    return KIND.measure([float(value) for value in predicted], Examples.of(split, [[]] * len(labels)))


@pytest.mark.parametrize("seed", range(8))
def test_metrics_equal_those_of_scipy_and_scikit_learn_with_and_without_ties(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice([0.0, 1.2, 2.5, 5.0], 40) if seed % 2 else rng.normal(size=40)
    predicted = np.round(labels + rng.normal(size=40), seed % 3)
    metrics = measure(predicted, labels)
    assert metrics["mse"] == metrics["loss"] == pytest.approx(mean_squared_error(labels, predicted))
    assert metrics["mae"] == pytest.approx(mean_absolute_error(labels, predicted))
    assert metrics["pearson"] == pytest.approx(pearsonr(labels, predicted).statistic)
    assert metrics["spearman"] == pytest.approx(spearmanr(labels, predicted).statistic)
    always = mean_squared_error(labels, np.full(40, labels.mean()))
    assert metrics["majority_baseline"] == pytest.approx(always)
    assert metrics["constant_prediction"] == 0.0


def test_a_constant_side_has_correlations_of_zero_and_no_metric_is_undefined():
    same = measure([2.1] * 4, [1, 2, 3, 4])
    assert (same["pearson"], same["spearman"], same["constant_prediction"]) == (0.0, 0.0, 1.0)
    assert measure([2.1, 2.1001, 2.1, 2.1], [1, 2, 3, 4])["constant_prediction"] == 1.0
    flat = measure([1, 2, 3], [5, 5, 5])
    assert (flat["pearson"], flat["spearman"], flat["majority_baseline"]) == (0.0, 0.0, 0.0)
    assert flat["constant_prediction"] == 0.0
    assert all(np.isfinite(value) for value in (*same.values(), *flat.values(), *measure([1.0], [2.0]).values()))


def data_of(folder, labels, name="a.jsonl", **options) -> RegressionData:
    rows = [{"text": f"text {number}", "label": label} for number, label in enumerate(labels)]
    content = "\n".join(map(json.dumps, rows))
    if name.endswith(".csv"):
        content = "text,label\n" + "".join(f'{row["text"]},"{row["label"]}"\n' for row in rows)
    (folder / name).write_text(content, encoding="utf-8")
    return RegressionData(train=str(folder / name), dev=str(folder / name), **options)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_numbers_are_read_however_a_file_has_them(tmp_path, name):
    labels = [3, "2.5", " -1e-1 ", 4.75]
    splits = load_splits(data_of(tmp_path, labels, name), 0)
    assert splits.train.labels == [3.0, 2.5, -0.1, 4.75]
    assert (splits.labels, splits.notes) == ([], ())


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("good", "the label must be a number, such as 3.5, got 'good' (str); `replace` writes a value as another one"),
        ("3,5", "got '3,5' (str); write it with a point, 3.5"),
        ("1_000", "got '1_000'"),
        ("inf", "got 'inf'"),
        (True, "got True (bool)"),
        ([1.0], "got [1.0] (list)"),
        (None, 'the number is missing; on_bad_row = "skip" leaves out rows without one'),
        ("nan", "got 'nan'"),
        ("", "the number is missing"),
    ],
)
def test_what_is_no_number_is_refused_with_its_place_and_a_remedy(tmp_path, label, words):
    with pytest.raises(DataError) as refused:
        load_splits(data_of(tmp_path, [1.0, label, 2.0]), 0)
    assert "a.jsonl: column 'label': row 2: " in str(refused.value)
    assert words in str(refused.value)
    assert load_splits(data_of(tmp_path, [1.0, label, 2.0], on_bad_row="skip"), 0).train.labels == [1.0, 2.0]


def test_words_are_replaced_by_numbers_and_odd_ranges_are_said(tmp_path):
    data = data_of(tmp_path, ["low", "high", "low"], replace={"label": {"low": "0", "high": "1"}})
    assert load_splits(data, 0).train.labels == [0.0, 1.0, 0.0]
    assert "so there is nothing to learn" in load_splits(data_of(tmp_path, [2, 2]), 0).notes[0]
    (note,) = load_splits(data_of(tmp_path, [250_000, 1_200_000]), 0).notes
    assert "the numbers reach 1.2e+06" in note
    assert "divide them by 1e+06 in the file" in note
