"""Multi-label classification: metrics against scikit-learn, thresholds, and label sets however files have them."""

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, average_precision_score, f1_score

from ptune.data.sources import Split, load_splits
from ptune.errors import DataError
from ptune.prompts.forward import HeadOutput
from ptune.prompts.rows import Examples
from ptune.spec.data import MultilabelData
from ptune.tasks.multilabel import MultilabelKind

NAMES = ["a", "b", "c", "d"]


def examples(truth) -> Examples:
    labels = [np.flatnonzero(row).tolist() for row in truth]
    return Examples.of(Split([("text",)] * len(labels), labels, "made", ""), [[]] * len(labels))


def drawn(seed):
    """Scores with and without ties, and labels of which one, in every second draw, no example has."""
    rng = np.random.default_rng(seed)
    truth = rng.random((30, 4)) < [0.5, 0.3, 0.2, 0.2 * (seed % 2)]
    truth[0, :3] = True
    scores = np.round(rng.normal(size=(30, 4)) + truth, 1 + seed % 4).astype(np.float32)
    return truth, scores


@pytest.mark.parametrize("seed", range(8))
def test_metrics_equal_those_of_scikit_learn(seed):
    truth, scores = drawn(seed)
    metrics = MultilabelKind(["text"], NAMES, [0.5, 0.4, 0.6, 0.9]).measure(list(scores), examples(truth))
    shares = torch.sigmoid(torch.tensor(scores).double()).numpy()
    given = shares >= [0.5, 0.4, 0.6, 0.9]
    there = np.flatnonzero(truth.any(0) | given.any(0))
    assert metrics["micro_f1"] == pytest.approx(f1_score(truth, given, average="micro"))
    assert metrics["macro_f1"] == pytest.approx(f1_score(truth[:, there], given[:, there], average="macro"))
    assert metrics["subset_accuracy"] == pytest.approx(accuracy_score(truth, given))
    seen = np.flatnonzero(truth.any(0))
    assert metrics["map"] == pytest.approx(average_precision_score(truth[:, seen], shares[:, seen], average="macro"))
    commonest = np.zeros_like(truth)
    commonest[:, truth.sum(0).argmax()] = True
    assert metrics["majority_baseline"] == pytest.approx(f1_score(truth, commonest, average="micro"))
    losses = -np.where(truth, np.log(shares), np.log1p(-shares))
    assert metrics["loss"] == pytest.approx(losses.mean(), rel=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_no_threshold_gives_a_label_a_better_f1_than_the_one_that_is_chosen(seed):
    truth, scores = drawn(seed)
    kind, split = MultilabelKind(["text"], NAMES), examples(truth)
    thresholds = kind.decided(list(scores), split)
    shares = torch.sigmoid(torch.tensor(scores).double()).numpy()
    for label, threshold in enumerate(thresholds):
        if not truth[:, label].any():
            assert threshold == 0.5
            continue
        found = f1_score(truth[:, label], shares[:, label] >= threshold)
        tried = [f1_score(truth[:, label], shares[:, label] >= other) for other in np.unique(shares[:, label])]
        assert found == pytest.approx(max(tried))
    decided = MultilabelKind(["text"], NAMES, thresholds)
    assert kind.measure(list(scores), split) == decided.measure(list(scores), split)


def test_edges_have_values_and_answers_name_what_reaches_its_threshold():
    kind = MultilabelKind(["text"], NAMES, [0.5, 0.5, 0.2, 0.9])
    low = np.full((3, 4), -9.0, dtype=np.float32)
    none = kind.measure(list(low), examples(np.zeros((3, 4), dtype=bool)))
    assert (none["micro_f1"], none["macro_f1"], none["map"], none["majority_baseline"]) == (0, 0, 0, 0)
    assert (none["subset_accuracy"], none["constant_prediction"]) == (1, 1)
    shown = kind.present(np.array([0.1, -3.0, -1.0, 2.0], dtype=np.float32), ("text",))
    assert shown["labels"] == ["a", "c"]
    assert list(shown["probabilities"]) == NAMES
    assert kind.present(low[0], ("text",))["labels"] == []


def test_the_loss_is_the_binary_cross_entropy():
    scores = torch.tensor([[0.3, -1.2], [2.0, 0.1]])
    output = HeadOutput(scores, examples(np.array([[False, True], [False, False]])), np.arange(2))
    shares = torch.sigmoid(scores)
    wanted = -torch.stack([1 - shares[0, 0], shares[0, 1], 1 - shares[1, 0], 1 - shares[1, 1]]).log().mean()
    torch.testing.assert_close(MultilabelKind(["text"], ["x", "y"]).loss(output), wanted)


def data_of(folder, found, **options) -> MultilabelData:
    rows = [{"text": f"text {number}", "labels": own} for number, own in enumerate(found)]
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return MultilabelData(train=str(folder / "a.jsonl"), dev=str(folder / "a.jsonl"), **options)


def test_labels_come_as_lists_or_as_texts_that_a_separator_takes_apart(tmp_path):
    lists = load_splits(data_of(tmp_path, [["b", "a"], [], ["c", "c"], [2]]), 0)
    assert (lists.labels, lists.train.labels) == (["2", "a", "b", "c"], [[1, 2], [], [3], [0]])
    texts = load_splits(data_of(tmp_path, ["b | a", "", "c"], separator="|"), 0)
    assert (texts.labels, texts.train.labels) == (["a", "b", "c"], [[0, 1], [], [2]])
    stated = data_of(tmp_path, [["x"], ["y"]], labels=["y", "x", "z"], replace={"labels": {"x": "z"}})
    assert load_splits(stated, 0).train.labels == [[2], [0]]


@pytest.mark.parametrize(
    ("labels", "options", "words"),
    [
        ([["a"], "a;b"], {}, "row 2: the labels must be a list, got 'a;b' (str); separator = ';' takes a text apart"),
        ([["a", "b"], None], {}, "row 2: the labels are missing (null); an empty list says that there is none"),
        ([["a", "b"], 3], {}, "row 2: the labels must be a list, got 3 (int)"),
        ([["a", ""], ["b"]], {}, "row 1: the label is missing"),
        ([["a"], ["a"]], {}, "needs at least two labels; there is only 'a' here"),
        ([[], []], {}, "needs at least two labels; there is none here"),
        ([["good", "bad"], ["god"]], {"labels": ["good", "bad"]}, "did you mean 'good'? (valid: good, bad); labels"),
    ],
)
def test_what_is_no_set_of_labels_is_refused_with_its_place_and_a_remedy(tmp_path, labels, options, words):
    with pytest.raises(DataError) as refused:
        load_splits(data_of(tmp_path, labels, **options), 0)
    assert words in str(refused.value)
