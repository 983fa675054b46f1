"""Learning rates over the horizon, and rates and decays of their own for prompt, head and backbone."""

import pytest
import torch

from ptune.engine.optim import build_optimizer, rate_share, take_step
from ptune.spec.trial import Recipe
from worlds import CONFIGS


def test_linear_falls_to_zero_over_the_horizon():
    shares = [rate_share(Recipe(schedule="linear"), step, 5, 2) for step in range(11)]
    assert shares == pytest.approx([1 - step / 10 for step in range(11)])


def test_constant_stays():
    assert {rate_share(Recipe(schedule="constant"), step, 5, 2) for step in range(10)} == {1.0}


def test_exponential_falls_by_a_factor_after_every_epoch():
    recipe = Recipe(schedule="exponential", gamma=0.5)
    assert [rate_share(recipe, step, 2, 3) for step in range(6)] == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


def test_warmup_rises_then_falls():
    shares = [rate_share(Recipe(schedule="linear", warmup=0.2), step, 10, 2) for step in range(20)]
    peak = shares.index(max(shares))
    assert peak == 4
    assert shares[0] > 0
    assert shares[:5] == sorted(shares[:5])
    assert shares[4:] == sorted(shares[4:], reverse=True)


@pytest.mark.parametrize("schedule", ["constant", "exponential"])
def test_warmup_leads_to_every_schedule(schedule):
    shares = [rate_share(Recipe(schedule=schedule, warmup=0.5), step, 4, 2) for step in range(5)]
    assert shares[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert shares[4] == rate_share(Recipe(schedule=schedule), 4, 4, 2)


def test_prompt_and_head_have_their_own_rates(world):
    _, learner = world.trial(0, CONFIGS["v2 all layers"])
    recipe = Recipe(lr=0.1, head_lr=0.001, schedule="linear")
    optimizer = build_optimizer(learner, recipe)
    for parameter in learner.parameters():
        parameter.grad = torch.ones_like(parameter)
    take_step(learner, optimizer, recipe, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.0005])
    assert all(parameter.grad is None for parameter in learner.parameters())


def test_the_gradient_norm_is_clipped_over_prompt_and_head_together(world):
    _, learner = world.trial(0, CONFIGS["v2 all layers"])
    recipe = Recipe(clip=1.0)
    optimizer = build_optimizer(learner, recipe)
    for parameter in learner.parameters():
        parameter.grad = torch.ones_like(parameter)
    norms = []
    optimizer.register_step_pre_hook(
        lambda *_: norms.append(torch.stack([p.grad.norm() for p in learner.parameters()]).norm().item())
    )
    take_step(learner, optimizer, recipe, 1.0)
    assert norms == pytest.approx([1.0], rel=1e-4)


def test_prompt_head_and_backbone_decay_apart_and_a_backbones_vectors_never(world):
    config = {"lr": 0.1, "head_lr": 0.2, "backbone_lr": 0.3, "weight_decay": 0.01, "head_weight_decay": 0.02}
    _, learner = world.trial(0, {"method": "v2", "length": 2, **config, "backbone_weight_decay": 0.03})
    optimizer = build_optimizer(learner, Recipe(**config, backbone_weight_decay=0.03))
    groups = [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
    assert groups == [(0.1, 0.01), (0.2, 0.02), (0.3, 0.03), (0.3, 0.0)]
    assert {parameter.dim() for parameter in optimizer.param_groups[3]["params"]} == {1}
    moved = [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]
    assert sorted(moved) == sorted(map(id, learner.parameters()))


def test_a_heads_decay_is_the_prompts_unless_stated(world):
    _, learner = world.trial(0, CONFIGS["v2 all layers"])
    groups = build_optimizer(learner, Recipe(weight_decay=0.1)).param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.1]


def test_adam_adds_the_decay_to_the_gradient(world):
    _, learner = world.trial(0, CONFIGS["head"])
    recipe = Recipe(optimizer="adam", weight_decay=0.1)
    optimizer = build_optimizer(learner, recipe)
    assert type(optimizer) is torch.optim.Adam
    assert type(build_optimizer(learner, Recipe())) is torch.optim.AdamW
    for parameter in learner.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = learner.head().out.weight.detach().clone()
    take_step(learner, optimizer, recipe, 1.0)
    moved = learner.head().out.weight.detach() - before
    torch.testing.assert_close(moved, -recipe.lr * before.sign(), rtol=1e-2, atol=1e-5)
