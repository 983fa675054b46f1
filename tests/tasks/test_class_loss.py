"""Class weights and smoothed labels: torch's own loss in every kind that has classes, whole and in parts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import CrossEntropyLoss

from ptune.data.class_weights import class_weights
from ptune.data.sources import Split
from ptune.engine.fused import Engine
from ptune.engine.reference import train_alone
from ptune.prompts.forward import HeadOutput
from ptune.prompts.rows import Examples, Row
from ptune.spec.data import ClassificationData, TokensData
from ptune.tasks.choice import ChoiceKind
from ptune.tasks.class_loss import ClassLoss
from ptune.tasks.classification import ClassificationKind
from ptune.tasks.cloze import ClozeKind
from ptune.tasks.tokens import TokensKind
from support.worlds import finish

LOSS = ClassLoss((0.5, 2.0, 3.5), 0.2)
SMOOTH = ClassLoss(smoothing=0.1)
NAMES = ["a", "b", "c"]
TAGS = [[0, 2, 1], [1], [2, 2, 0, 1], []]


def torchs(scores, labels, loss):
    """The loss and gradient of torch's own module."""
    scores = scores.detach().clone().requires_grad_()
    weight = torch.tensor(loss.weights) if loss.weights else None
    value = CrossEntropyLoss(weight=weight, label_smoothing=loss.smoothing)(scores, torch.tensor(labels))
    value.backward()
    return value.detach(), scores.grad


def examples(labels, reads, task_info=None):
    split = Split([("text",)] * len(labels), labels, "made", "")
    return Examples.of(split, [[Row([1] * 9, [0] * 9, range(count))] for count in reads], task_info=task_info)


CASES = {
    "labels": (ClassificationKind(["text"], NAMES, trained_by=LOSS), [0, 2, 2, 1, 0], None, [1] * 5, 3, LOSS),
    "tags": (TokensKind(["words"], NAMES, LOSS), TAGS, [range(len(tags)) for tags in TAGS], [3, 1, 4, 0], 3, LOSS),
    "words": (ClozeKind(["text"], NAMES, trained_by=SMOOTH), [4, 1, 0], None, [1] * 3, 7, SMOOTH),
    "candidates": (ChoiceKind(["text"], ["x", "y"], trained_by=SMOOTH), [1, 0, 1], None, [2] * 3, 1, SMOOTH),
}


@pytest.mark.parametrize("name", CASES)
def test_every_kind_has_torchs_loss_whole_and_in_parts(name):
    kind, labels, info, reads, classes, loss = CASES[name]
    made = examples(labels, reads, info)
    scores = torch.randn(sum(reads), classes, generator=torch.Generator().manual_seed(1)).requires_grad_()
    flat = [tag for tags in labels for tag in tags] if name == "tags" else labels
    expected, gradient = torchs(scores.view(-1, 2) if name == "candidates" else scores, flat, loss)
    ours = kind.loss(HeadOutput(scores, made, np.arange(len(labels))))
    ours.backward()
    torch.testing.assert_close(ours.detach(), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(scores.grad, gradient.view(scores.shape), rtol=0, atol=1e-6)

    weights = kind.weights(made) if hasattr(kind, "weights") else np.ones(len(labels))
    parts = np.array_split(np.arange(len(labels)), 2)
    own = scores.split([sum(reads[index] for index in part) for part in parts])
    shares = [float(weights[part].sum() / weights.sum()) for part in parts]
    summed = sum(kind.loss(HeadOutput(one, made, part)) * s for one, part, s in zip(own, parts, shares, strict=True))
    torch.testing.assert_close(summed.detach(), expected, rtol=0, atol=1e-6)


def test_a_loss_of_nothing_is_nothing():
    nothing = torch.zeros(0, 3, requires_grad=True)
    LOSS.of(nothing, []).backward()
    assert LOSS.of(nothing, []).item() == 0.0


def test_balanced_classes_count_the_same_in_total():
    data = ClassificationData(source="builtin:x", class_weights="balanced")
    split = Split([("",)] * 8, [0, 0, 0, 0, 0, 1, 1, 1], "made", "")
    assert class_weights(data, split, ["a", "b"]) == {"a": 8 / (2 * 5), "b": 8 / (2 * 3)}
    assert class_weights(data, split, NAMES)["c"] == 8 / 3, "as a class that is there once"
    table = data.model_copy(update={"class_weights": {"b": 4.0}})
    assert class_weights(table, split, ["a", "b"]) == {"a": 1.0, "b": 4.0}
    words = Split([((),)] * 4, TAGS, "made", "")
    tagged = TokensData(source="builtin:x", class_weights="balanced")
    assert class_weights(tagged, words, NAMES) == {"a": 8 / (3 * 2), "b": 8 / (3 * 3), "c": 8 / (3 * 3)}


@pytest.mark.parametrize("budget", [100_000, 90], ids=["whole", "in parts"])
def test_the_engine_trains_as_the_reference(world, budget):
    weighted = replace(world, data={"class_weights": {"yes": 3.0}})
    config = {"method": "v2", "length": 4, "batch_size": 16, "label_smoothing": 0.2, "head_dropout": 0.1}
    plan, learner = weighted.trial(0, config)
    assert plan.task.kinds[0].trained_by == ClassLoss((1.0, 3.0), 0.2)
    losses = train_alone(world.backbone, learner, plan, 1)
    engine = Engine(world.backbone, budget)
    engine.join(*weighted.trial(0, config))
    engine.advance(0, 1)
    reports = finish(engine)
    assert reports[0].metrics["train_loss"] == pytest.approx(np.mean(losses), abs=1e-5)
    plain = world.trial(0, {**config, "label_smoothing": 0.0})[0]
    assert plain.task.kinds[0].trained_by == ClassLoss()
