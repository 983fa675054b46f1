"""Classification: metrics against scikit-learn and by hand, answers as people read them, and several data sets."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, log_loss, matthews_corrcoef

from ptune.data.sources import Split
from ptune.prompts.rows import Examples
from ptune.tasks.classification import ClassificationKind
from ptune.tasks.joint import JointTask, with_joint_metric
from support.closeness import near

THREE = ClassificationKind(["text"], ["a", "b", "c"])
TWO = ClassificationKind(["text"], ["no", "yes"])


def split(labels, groups=None) -> Examples:
    labels = list(map(int, labels))
    made = Split([("text",)] * len(labels), labels, "made", "", groups)
    return Examples.of(made, [[]] * len(labels))


def measure(kind: ClassificationKind, scores: np.ndarray, labels, groups=None) -> dict[str, float]:
    return kind.measure(list(np.asarray(scores, dtype=np.float32)), split(labels, groups))


def one_hot(answers: list[int], classes: int = 2) -> np.ndarray:
    return np.eye(classes)[answers]


@pytest.mark.parametrize("kind", [TWO, THREE], ids=["two classes", "three classes"])
def test_metrics_equal_an_independent_library(kind):
    rng = np.random.default_rng(0)
    classes = len(kind.labels)
    scores, labels = rng.normal(size=(60, classes)), rng.integers(0, classes, 60)
    metrics = measure(kind, scores, labels)
    answers = scores.argmax(1)
    positive = classes - 1
    assert metrics["accuracy"] == near(accuracy_score(labels, answers))
    assert metrics["macro_f1"] == pytest.approx(f1_score(labels, answers, average="macro"))
    assert metrics["f1"] == pytest.approx(f1_score(labels == positive, answers == positive))
    assert metrics["matthews"] == pytest.approx(matthews_corrcoef(labels, answers))
    assert metrics["loss"] == pytest.approx(log_loss(labels, torch.softmax(torch.tensor(scores), 1).numpy()), rel=1e-5)


def draws(classes, seed):
    """Labels and answers, of which some classes may lack either or both, and some draws are constant."""
    rng = np.random.default_rng(seed)
    examples, among = rng.integers(1, 40), rng.integers(1, classes + 1, 2)
    return tuple(rng.choice(rng.permutation(classes)[:count], examples) for count in among)


@pytest.mark.filterwarnings("ignore::UserWarning")  # scikit-learn warns of a single label
@pytest.mark.parametrize("seed", range(60))
def test_metrics_equal_those_of_scikit_learn_whatever_classes_are_absent(seed):
    classes = (2, 3, 7)[seed % 3]
    labels, answers = draws(classes, seed)
    kind = ClassificationKind(["text"], [f"label {number}" for number in range(classes)])
    metrics = measure(kind, one_hot(answers, classes), labels)
    positive = classes - 1
    assert metrics["accuracy"] == near(accuracy_score(labels, answers))
    assert metrics["macro_f1"] == near(f1_score(labels, answers, average="macro", zero_division=0.0))
    assert metrics["f1"] == near(f1_score(labels == positive, answers == positive, zero_division=0.0))
    assert metrics["matthews"] == matthews_corrcoef(labels, answers)


def test_a_constant_answer_is_flagged_and_the_majority_known():
    labels = [0, 0, 0, 1]
    constant = measure(TWO, one_hot([0, 0, 0, 0]), labels)
    varied = measure(TWO, one_hot([0, 1, 0, 1]), labels)
    assert (constant["constant_prediction"], varied["constant_prediction"]) == (1.0, 0.0)
    assert constant["majority_baseline"] == constant["accuracy"] == 0.75
    assert constant["matthews"] == constant["f1"] == 0.0


def test_a_question_is_right_when_each_of_its_answers_is():
    labels, given = [0, 1, 0, 1, 1], [0, 1, 1, 1, 1]
    groups = [{"paragraph": 0, "question": 1}] * 2 + [{"paragraph": 1, "question": 1}] * 2 + [{"paragraph": 2}]
    assert measure(TWO, one_hot(given), labels, groups)["exact_groups"] == pytest.approx(2 / 3)
    assert "exact_groups" not in measure(TWO, one_hot(given), labels)


def test_an_answer_is_the_label_with_every_labels_probability():
    shown = THREE.present(np.log(np.array([0.2, 0.7, 0.1], dtype=np.float32)), ("text",))
    assert shown["label"] == "b"
    assert shown["probabilities"] == pytest.approx({"a": 0.2, "b": 0.7, "c": 0.1})


def test_data_sets_are_measured_apart_and_then_averaged():
    task = JointTask([TWO, THREE], ["first", "second"])
    examples = Examples.joined([split([0, 1]), split([0, 1, 2, 2])])
    answers = [*one_hot([0, 1]), *one_hot([0, 0, 2, 0], 3)]
    metrics = task.measure(answers, examples)
    assert (metrics["accuracy.first"], metrics["accuracy.second"]) == (1.0, 0.5)
    assert metrics["accuracy"] == 0.75
    assert metrics["majority_baseline"] == 0.5
    assert metrics["loss"] == pytest.approx((metrics["loss.first"] + metrics["loss.second"]) / 2)


def test_one_data_set_has_its_metrics_alone():
    alone = JointTask([TWO], ["only"]).measure(list(one_hot([0, 1])), split([0, 1]))
    assert alone == pytest.approx(measure(TWO, one_hot([0, 1]), [0, 1]))


def test_a_joint_metric_is_the_mean_of_its_parts():
    metrics = {"accuracy": 0.8, "macro_f1": 0.5}
    assert with_joint_metric(metrics, "accuracy+macro_f1") == {**metrics, "accuracy+macro_f1": pytest.approx(0.65)}
    assert with_joint_metric(metrics, "accuracy") == metrics
