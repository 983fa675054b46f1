"""Every method trains heads over words and spans on encoders and decoders: a packed trial is the trial alone."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from ptune.engine.reference import predict_alone, score, train_alone
from ptune.prompts.draws import Draws
from ptune.prompts.forward import MiniBatch, forward
from ptune.prompts.predict import predict
from support.closeness import close
from support.words_and_spans import job_for, trials_of

CONFIGS = {
    "head": {"method": "head", "lr": 0.05, "batch_size": 6},
    "v1": {"method": "v1", "length": 3, "template": "before", "encoder": "mlp", "lr": 0.01, "batch_size": 6},
    "v2": {"method": "v2", "length": 4, "dropout": 0.2, "lr": 0.01, "batch_size": 5},
    "prompt_tuning": {"method": "prompt_tuning", "length": 2, "lr": 0.01, "batch_size": 6},
}
FAMILIES = ["bert", "roberta", "gpt2", "llama"]


@pytest.fixture(params=FAMILIES)
def backbone(request, tiny):
    return tiny(request.param)


@pytest.fixture(params=["tokens", "span"])
def made(request, backbone, tmp_path):
    """A trial of each method."""
    return trials_of(job_for(request.param, backbone.id, tmp_path), backbone, tmp_path, list(CONFIGS.values()))


def test_one_packed_pass_gives_every_method_its_own_loss_and_gradients(made, backbone):
    indices = [np.arange(4 + number) for number in range(len(made))]
    draws = [Draws.of_step(torch.Generator().manual_seed(number)) for number in range(len(made))]
    groups = [
        MiniBatch(learner, plan.train, own, plan.recipe.head_dropout, own_draws)
        for (plan, learner), own, own_draws in zip(made, indices, draws, strict=True)
    ]
    losses = [plan.task.loss(one) for (plan, _), one in zip(made, forward(backbone, groups), strict=True)]
    torch.stack(losses).sum().backward()
    for number, ((plan, learner), own) in enumerate(zip(made, indices, strict=True)):
        packed = {name: parameter.grad.clone() for name, parameter in learner.named_parameters()}
        learner.zero_grad()
        own_draws = Draws.of_step(torch.Generator().manual_seed(number))
        loss = plan.task.loss(score(backbone, learner, plan.train, own, plan.recipe.head_dropout, own_draws))
        loss.backward()
        close(losses[number], loss)
        for name, parameter in learner.named_parameters():
            shifts_all = name == "heads.0.out.bias" and plan.train.labels[0] == ()  # a span's scores share one softmax
            assert shifts_all or parameter.grad.abs().sum() > 0, name
            assert_close(packed[name], parameter.grad, rtol=1e-3, atol=1e-5)


def test_every_method_lowers_its_loss_and_answers_alike_alone_and_in_batches(made, backbone):
    for plan, learner in made:
        losses = train_alone(backbone, learner, plan, 3)
        steps = plan.steps_per_epoch
        assert np.mean(losses[-steps:]) < np.mean(losses[:steps])
        together = plan.task.measure(predict(backbone, learner, plan.dev, 300, plan.task.answer), plan.dev)
        alone = plan.task.measure(predict_alone(backbone, learner, plan, plan.dev), plan.dev)
        assert together == pytest.approx(alone, abs=1e-4)
