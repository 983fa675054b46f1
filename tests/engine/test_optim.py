"""Learning rates over the horizon, and rates and decays of their own for prompt, head and backbone."""

import pytest
import torch
from torch import nn
from transformers import Trainer, TrainingArguments, get_scheduler

from ptune.engine import optim
from ptune.engine.optim import Step, build_optimizer, rate_share, step_together
from ptune.spec.trial import Recipe
from support.worlds import CONFIGS


def test_linear_falls_to_zero_over_the_horizon():
    shares = [rate_share(Recipe(schedule="linear"), step, 5, 2) for step in range(11)]
    assert shares == pytest.approx([1 - step / 10 for step in range(11)])


def test_constant_stays():
    assert {rate_share(Recipe(schedule="constant"), step, 5, 2) for step in range(10)} == {1.0}


def test_exponential_falls_by_a_factor_after_every_epoch():
    recipe = Recipe(schedule="exponential", gamma=0.5)
    assert [rate_share(recipe, step, 2, 3) for step in range(6)] == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


@pytest.mark.parametrize("schedule", ["linear", "constant"])
@pytest.mark.parametrize("warmup", [0.0, 0.06, 0.1, 0.5, 0.95])
def test_rates_are_those_of_transformers_trainer(schedule, warmup, tmp_path):
    name = "constant_with_warmup" if schedule == "constant" and warmup else schedule
    for steps_per_epoch, epochs in ((1, 1), (3, 1), (1, 4), (7, 3), (27, 6)):
        total = steps_per_epoch * epochs
        arguments = TrainingArguments(tmp_path, warmup_steps=warmup, report_to=[], use_cpu=True)
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
        theirs = get_scheduler(name, optimizer, arguments.get_warmup_steps(total), total)
        for step in range(total):
            ours = rate_share(Recipe(schedule=schedule, warmup=warmup), step, steps_per_epoch, epochs)
            assert ours == theirs.get_last_lr()[0], (step, total)
            optimizer.step()
            theirs.step()


def test_warmup_leads_to_the_exponential_schedule():
    shares = [rate_share(Recipe(schedule="exponential", warmup=0.5), step, 4, 2) for step in range(5)]
    assert shares == [0.0, 0.25, 0.5, 0.75, 0.95]


def test_prompt_and_head_have_their_own_rates(world):
    _, learner = world.trial(0, CONFIGS["v2 all layers"])
    recipe = Recipe(lr=0.1, head_lr=0.001, schedule="linear")
    optimizer = build_optimizer(learner, recipe)
    for parameter in learner.parameters():
        parameter.grad = torch.ones_like(parameter)
    step_together([Step(optimizer, 0.5, recipe.clip)])
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.0005])
    assert all(parameter.grad is None for parameter in learner.parameters())


def test_the_gradient_norm_is_clipped_over_prompt_and_head_together(world):
    _, learner = world.trial(0, CONFIGS["v2 all layers"])
    recipe = Recipe(clip=1.0)
    optimizer = build_optimizer(learner, recipe)
    for parameter in learner.parameters():
        parameter.grad = torch.ones_like(parameter)
    step_together([Step(optimizer, 1.0, recipe.clip)])
    seen = [10 * state["exp_avg"].norm() for state in optimizer.state.values()]  # the first moment is a tenth of it
    assert torch.stack(seen).norm().item() == pytest.approx(1.0, rel=1e-4)


def test_prompt_head_and_backbone_decay_apart_and_a_backbones_vectors_never(world):
    config = {"lr": 0.1, "head_lr": 0.2, "backbone_lr": 0.3, "weight_decay": 0.01, "head_weight_decay": 0.02}
    _, learner = world.trial(0, {"method": "v2", "length": 2, **config, "backbone_weight_decay": 0.03})
    optimizer = build_optimizer(learner, Recipe(**config, backbone_weight_decay=0.03))
    groups = [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
    assert groups == [(0.1, 0.01), (0.2, 0.02), (0.2, 0.0), (0.3, 0.03), (0.3, 0.0)]
    assert {parameter.dim() for parameter in optimizer.param_groups[-1]["params"]} == {1}
    moved = [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]
    assert sorted(moved) == sorted(map(id, learner.parameters()))


def test_of_a_head_decays_what_transformers_trainer_lets_decay(world, tmp_path):
    _, learner = world.trial(0, CONFIGS["v2 all layers"])
    groups = build_optimizer(learner, Recipe(weight_decay=0.1)).param_groups
    decaying = {id(parameter) for group in groups[1:] if group["weight_decay"] for parameter in group["params"]}
    trainer = Trainer(learner.head(), TrainingArguments(tmp_path, report_to=[], use_cpu=True))
    allowed = trainer.get_decay_parameter_names(learner.head())
    assert decaying == {id(parameter) for name, parameter in learner.head().named_parameters() if name in allowed}
    assert groups[0]["weight_decay"] == 0.1, "the head's decay is the prompt's unless it is stated"
    flat = build_optimizer(learner, Recipe()).param_groups
    assert [one for group in flat for one in group["params"]] == [one for group in groups for one in group["params"]]


def test_adam_adds_the_decay_to_the_gradient(world):
    _, learner = world.trial(0, CONFIGS["head"])
    recipe = Recipe(optimizer="adam", weight_decay=0.1)
    optimizer = build_optimizer(learner, recipe)
    assert type(optimizer) is torch.optim.Adam
    assert type(build_optimizer(learner, Recipe())) is torch.optim.AdamW
    for parameter in learner.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = learner.head().out.weight.detach().clone()
    step_together([Step(optimizer, 1.0, recipe.clip)])
    moved = learner.head().out.weight.detach() - before
    torch.testing.assert_close(moved, -recipe.lr * before.sign(), rtol=1e-2, atol=1e-5)


@pytest.fixture(params=["kernel", "operations"])
def way(request, monkeypatch):
    """How parameters are moved: by torch's kernel, or by one operation after the other as on GPUs."""
    if request.param == "operations":
        monkeypatch.setattr(optim, "_has_kernel", lambda _: False)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_learners_stepped_together_move_as_torchs_own_optimisers_move_them(optimizer):
    recipes = [
        Recipe(optimizer=optimizer, lr=0.1 / (1 + n), weight_decay=0.01 * n, clip=1.0 if n else None) for n in range(3)
    ]
    together, alone = ([nn.Sequential(nn.Linear(3, 2 + n)) for n in range(3)] for _ in range(2))
    for one, other in zip(together, alone, strict=True):
        one.load_state_dict(other.state_dict())
    ours, theirs = ([_optimizer(m, r) for m, r in zip(ms, recipes, strict=True)] for ms in (together, alone))
    generator = torch.Generator().manual_seed(1)
    for step in range(5):
        moving = range(3) if step != 2 else (0, 2)  # not all are in every pass
        for number in moving:
            for one, other in zip(together[number].parameters(), alone[number].parameters(), strict=True):
                other.grad = torch.randn(one.shape, generator=generator)
                one.grad = other.grad.clone()
            if recipes[number].clip is not None:
                torch.nn.utils.clip_grad_norm_(alone[number].parameters(), recipes[number].clip)
            theirs[number].step()
        step_together([Step(ours[number], 1.0, recipes[number].clip) for number in moving])
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one.state_dict(), other.state_dict(), rtol=1e-5, atol=1e-6)


def _optimizer(module, recipe):
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    group = {"params": list(module.parameters()), "peak": recipe.lr}
    return kind([group], lr=recipe.lr, weight_decay=recipe.weight_decay)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
def test_each_parameter_group_moves_with_its_own_betas_and_eps(kind):
    constants = [{"betas": (0.9, 0.999), "eps": 1e-8}, {"betas": (0.5, 0.9), "eps": 1e-3}, {"betas": (0.8, 0.95)}]
    ours, theirs = ([nn.Linear(3, 2 + n) for n in range(3)] for _ in range(2))
    for our, their in zip(ours, theirs, strict=True):
        our.load_state_dict(their.state_dict())
    # The first optimiser has two groups that differ; the second joins the same step with constants of its own.
    together = [_optimizer_of(kind, ours[:2], constants[:2]), _optimizer_of(kind, ours[2:], constants[2:])]
    expected = [_optimizer_of(kind, theirs[:2], constants[:2]), _optimizer_of(kind, theirs[2:], constants[2:])]
    generator = torch.Generator().manual_seed(2)
    for _ in range(4):
        for our, their in zip(nn.ModuleList(ours).parameters(), nn.ModuleList(theirs).parameters(), strict=True):
            their.grad = torch.randn(our.shape, generator=generator)
            our.grad = their.grad.clone()
        for optimizer in expected:
            optimizer.step()
        step_together([Step(optimizer, 1.0, None) for optimizer in together])
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our.state_dict(), their.state_dict(), rtol=1e-5, atol=1e-6)


def _optimizer_of(kind, modules, constants):
    groups = [{"params": list(module.parameters()), **own} for module, own in zip(modules, constants, strict=True)]
    return kind([{**group, "peak": 0.05} for group in groups], lr=0.05, weight_decay=0.1)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_torchs_kernel_moves_parameters_as_single_operations_do(optimizer, monkeypatch):
    found, recipe = [], Recipe(optimizer=optimizer, lr=0.01, weight_decay=0.1)
    for has_kernel in (lambda _: True, lambda _: False):
        monkeypatch.setattr(optim, "_has_kernel", has_kernel)
        torch.manual_seed(3)
        module = nn.LSTM(48, 24, num_layers=2, bidirectional=True)
        adam = _optimizer(module, recipe)
        for _ in range(4):
            for parameter in module.parameters():
                across = torch.randn(parameter.shape[::-1])
                parameter.grad = across.T if across.dim() > 1 else across  # its numbers do not lie in order
            step_together([Step(adam, 0.5, 1.0)])
        found.append([*module.parameters(), *(state["exp_avg_sq"] for state in adam.state.values())])
        assert {float(state["step"]) for state in adam.state.values()} == {4}
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)


def test_a_step_without_memory_for_its_moments_can_be_made_again(world, monkeypatch):
    _, learner = world.trial(0, CONFIGS["v2 all layers"])
    optimizer = build_optimizer(learner, Recipe())
    expected = {name: one.detach().clone() for name, one in learner.named_parameters()}
    real, left = torch.zeros_like, [1]

    def scarce(tensor):
        if not left:
            raise torch.OutOfMemoryError("no room")
        left.pop()
        return real(tensor)

    for parameter in learner.parameters():
        parameter.grad = torch.ones_like(parameter)
    with monkeypatch.context() as scarcity:
        scarcity.setattr(torch, "zeros_like", scarce)
        with pytest.raises(torch.OutOfMemoryError):
            step_together([Step(optimizer, 1.0, None)])
    assert all(torch.equal(one, expected[name]) for name, one in learner.named_parameters())
    step_together([Step(optimizer, 1.0, None)])
    assert not any(torch.equal(one, expected[name]) for name, one in learner.named_parameters() if one.requires_grad)
