"""Cloze and multiple choice under every method on every way of reading: packed, they are what they are alone."""

from functools import partial

import numpy as np
import pytest
import torch

from ptune.engine.fused import Engine
from ptune.engine.reference import predict_alone, score
from ptune.prompts.draws import Draws
from ptune.prompts.forward import MiniBatch, forward
from support.closeness import close, close_gradients
from support.word_tasks import choice_trial, cloze_trial

FAMILIES = ["bert", "roberta", "albert", "gpt2", "llama"]
KINDS = {
    "cloze": (cloze_trial, "[P] {sub_label} is [P:1] [MASK]"),
    "choice": (choice_trial, "[P] {premise} [P:1] so {choice}"),
    "choice, hinge": (partial(choice_trial, task={"loss": "hinge"}), "[P] {premise} [P:1] so {choice}"),
    "choice of words": (partial(choice_trial, task={"head": "verbalizer"}), "[P] {premise} [P:1] so {choice}"),
    "choice of words, hinge": (
        partial(choice_trial, task={"head": "verbalizer", "loss": "hinge"}),
        "[P] {premise} [P:1] so {choice}",
    ),
}
each_kind = pytest.mark.parametrize("kind", KINDS)
each_family = pytest.mark.parametrize("family", FAMILIES)


def configs(kind: str) -> list[dict]:
    return [
        {"method": "manual", "batch_size": 6},
        {"method": "v1", "length": 4, "template": KINDS[kind][1], "batch_size": 5, "lr": 0.01},
        {"method": "v2", "length": 5, "dropout": 0.2, "batch_size": 6, "lr": 0.01},
        {"method": "prompt_tuning", "length": 3, "batch_size": 4, "lr": 0.01},
    ]


def trials(kind: str, backbone, folder):
    return [KINDS[kind][0](backbone, folder, number, **config) for number, config in enumerate(configs(kind))]


@each_family
@each_kind
def test_one_packed_pass_gives_every_learner_its_own_loss_and_gradients(kind, family, speaking, tmp_path):
    backbone = speaking(family)
    packed, alone = trials(kind, backbone, tmp_path), trials(kind, backbone, tmp_path)
    seeds = range(len(packed))
    groups = [
        MiniBatch(
            learner,
            plan.train,
            np.arange(plan.recipe.batch_size),
            0.0,
            Draws.of_step(torch.Generator().manual_seed(seed)),
        )
        for seed, (plan, learner) in zip(seeds, packed, strict=True)
    ]
    scored = forward(backbone, groups)
    losses = [plan.task.loss(one) for (plan, _), one in zip(packed, scored, strict=True)]
    torch.stack(losses).sum().backward()
    for seed, group, loss, (plan, learner) in zip(seeds, groups, losses, alone, strict=True):
        own_draws = Draws.of_step(torch.Generator().manual_seed(seed))
        own = plan.task.loss(score(backbone, learner, plan.train, group.indices, 0.0, own_draws))
        close(loss, own)
        if own.requires_grad:
            own.backward()
        pairs = zip(group.learner.named_parameters(), learner.parameters(), strict=True)
        for (name, found), expected in pairs:
            if expected.grad is not None:  # each relation has a prompt of its own, and this batch is of one
                close_gradients(found.grad, expected.grad, name)


@each_family
@each_kind
def test_an_engine_trains_and_scores_every_method(kind, family, speaking, tmp_path):
    backbone = speaking(family)
    engine = Engine(backbone, token_budget=2_000)
    made = trials(kind, backbone, tmp_path)
    for plan, learner in made:
        engine.join(plan, learner)
        engine.advance(plan.trial, 2)
    last = {}
    while engine.busy:
        last |= {report.trial: report.metrics for report in engine.step()}
    for plan, learner in made:
        expected = plan.task.measure(predict_alone(backbone, learner, plan, plan.dev), plan.dev)
        found = {name: last[plan.trial][name] for name in expected}
        assert found == pytest.approx(expected, abs=1e-4), plan.config["method"]


@each_family
def test_each_relation_trains_its_own_prompt_alone(family, speaking, tmp_path):
    backbone = speaking(family)
    plan, learner = cloze_trial(backbone, tmp_path, method="v2", length=3)
    indices = np.flatnonzero(plan.train.dataset_indices == 1)[:4]
    plan.task.loss(forward(backbone, [MiniBatch(learner, plan.train, indices)])[0]).backward()
    first, second = learner.prompts
    assert all(parameter.grad is None for parameter in first.parameters())
    assert all(parameter.grad.abs().max() > 0 for parameter in second.parameters())
    assert not learner.head_parameters, "the language head has nothing to train"
