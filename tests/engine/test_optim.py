"""Learning rates over the horizon, and two rates for prompt and head."""

import pytest
import torch

from ptune.engine.optim import adamw, rate_share, take_step
from ptune.spec.trial import Recipe
from worlds import CONFIGS


def test_linear_falls_to_zero_over_the_horizon():
    shares = [rate_share(Recipe(schedule="linear"), step, 10) for step in range(11)]
    assert shares == pytest.approx([1 - step / 10 for step in range(11)])


def test_constant_stays():
    assert {rate_share(Recipe(schedule="constant"), step, 10) for step in range(10)} == {1.0}


def test_warmup_rises_then_falls():
    shares = [rate_share(Recipe(schedule="linear", warmup=0.2), step, 20) for step in range(20)]
    peak = shares.index(max(shares))
    assert peak == 4
    assert shares[0] > 0
    assert shares[:5] == sorted(shares[:5])
    assert shares[4:] == sorted(shares[4:], reverse=True)


def test_prompt_and_head_have_their_own_rates(world):
    _, learner = world.trial(0, CONFIGS["v2 all layers"])
    recipe = Recipe(lr=0.1, head_lr=0.001, schedule="linear")
    optimizer = adamw(learner, recipe)
    for parameter in learner.parameters():
        parameter.grad = torch.ones_like(parameter)
    take_step(learner, optimizer, recipe, step=5, total=10)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.0005])
    assert all(parameter.grad is None for parameter in learner.parameters())


def test_the_gradient_norm_is_clipped_over_prompt_and_head_together(world):
    _, learner = world.trial(0, CONFIGS["v2 all layers"])
    recipe = Recipe(clip=1.0)
    optimizer = adamw(learner, recipe)
    for parameter in learner.parameters():
        parameter.grad = torch.ones_like(parameter)
    norms = []
    optimizer.register_step_pre_hook(
        lambda *_: norms.append(torch.stack([p.grad.norm() for p in learner.parameters()]).norm().item())
    )
    take_step(learner, optimizer, recipe, step=0, total=10)
    assert norms == pytest.approx([1.0], rel=1e-4)
