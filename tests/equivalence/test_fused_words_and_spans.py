"""Invariant 1 over words, spans and numbers: a trial packed with others ends as it does alone."""

from functools import partial

import pytest
from torch.testing import assert_close

from ptune.engine.fused import Engine
from ptune.engine.reference import predict_alone, train_alone
from support import pairs_and_topics, words_and_spans
from support.closeness import near
from support.words_and_spans import trials_of
from support.worlds import finish

EPOCHS = 3
CONFIGS = {
    "v2": {"method": "v2", "length": 4, "lr": 0.01, "batch_size": 8},
    "v2, dropout": {"method": "v2", "length": 7, "dropout": 0.3, "lr": 0.02, "batch_size": 5},
    "v1": {"method": "v1", "length": 3, "template": "before", "encoder": "mlp", "lr": 0.01, "batch_size": 6},
    "head": {"method": "head", "lr": 0.05, "batch_size": 8, "head_dropout": 0.2},
}


JOBS = {
    **dict.fromkeys(words_and_spans.KINDS, words_and_spans.job_for),
    **dict.fromkeys(pairs_and_topics.KINDS, partial(pairs_and_topics.job_for, limit_train=24, limit_dev=16)),
}


@pytest.mark.parametrize("kind", JOBS)
def test_a_whole_training_equals_the_reference_whoever_the_neighbours_are(kind, tiny, tmp_path):
    backbone, job = tiny("bert"), JOBS[kind](kind, tiny("bert").id, tmp_path)
    together = trials_of(job, backbone, tmp_path, list(CONFIGS.values()))
    engine = Engine(backbone, token_budget=2_000)
    for plan, learner in together:
        engine.join(plan, learner)
        engine.advance(plan.trial, EPOCHS)
    reports = finish(engine)
    final = {report.trial: report.metrics for report in reports if report.epoch == EPOCHS}

    for name, (plan, learner), (_, packed) in zip(
        CONFIGS, trials_of(job, backbone, tmp_path, list(CONFIGS.values())), together, strict=True
    ):
        losses = train_alone(backbone, learner, plan, EPOCHS)
        metrics = plan.task.measure(predict_alone(backbone, learner, plan, plan.dev), plan.dev)
        last = losses[-plan.steps_per_epoch :]
        assert final[plan.trial]["train_loss"] == near(sum(last) / len(last)), name
        assert {key: final[plan.trial][key] for key in metrics} == near(metrics), name
        found = packed.collapsed()
        for key, tensor in learner.collapsed().items():
            if kind == "span" and key == "head.0.out.bias":
                continue  # shifts all of a softmax alike: its gradient is rounding, which Adam scales up
            assert_close(found[key], tensor, rtol=0, atol=5e-4, msg=partial("{} {}: {}".format, name, key))
