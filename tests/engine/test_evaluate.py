"""Metrics against scikit-learn and by hand."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, log_loss

from ptune.engine.evaluate import measure
from ptune.engine.reference import predict_alone
from ptune.prompts.forward import predict
from worlds import CONFIGS


def test_metrics_equal_an_independent_library():
    rng = np.random.default_rng(0)
    scores, labels = torch.as_tensor(rng.normal(size=(60, 3)), dtype=torch.float32), rng.integers(0, 3, 60)
    metrics = measure(scores, labels)
    answers = scores.argmax(1).numpy()
    assert metrics["accuracy"] == accuracy_score(labels, answers)
    assert metrics["macro_f1"] == pytest.approx(f1_score(labels, answers, average="macro"))
    assert metrics["loss"] == pytest.approx(log_loss(labels, scores.softmax(1).numpy()), rel=1e-5)


def test_a_constant_answer_is_flagged_and_the_majority_known():
    labels = np.array([0, 0, 0, 1])
    constant = measure(torch.tensor([[1.0, 0.0]] * 4), labels)
    varied = measure(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), labels)
    assert (constant["constant_prediction"], varied["constant_prediction"]) == (1.0, 0.0)
    assert constant["majority_baseline"] == constant["accuracy"] == 0.75


@pytest.mark.parametrize("name", ["v2 all layers", "v1 mlp around", "head"])
def test_batched_prediction_keeps_the_order_and_ignores_padding(world, name):
    plan, learner = world.trial(0, CONFIGS[name])
    batched = predict(world.backbone, learner, plan.dev, token_budget=64)
    torch.testing.assert_close(batched, predict_alone(world.backbone, learner, plan.dev), rtol=0, atol=1e-5)
