"""Trials on a quantized backbone: packed as alone, resumed as never stopped, and near those on whole weights."""

import shutil
from dataclasses import replace

import pytest
import torch

from ptune.backbone.load import load_backbone
from ptune.engine.fused import Engine
from ptune.engine.reference import score, train_alone
from ptune.engine.state import read
from ptune.prompts.draws import Draws
from support.closeness import near
from support.worlds import finish, trained_alone, trained_together

pytestmark = pytest.mark.gpu

EPOCHS = 3
NAMES = ["v2 all layers", "v2 longer, dropout", "v2 named layers", "v1 mlp around", "v1 anchors", "head"]
PROMPTS = {
    "v1": {"method": "v1", "length": 4, "encoder": "mlp", "template": "around", "lr": 0.01, "batch_size": 8},
    "v2": {"method": "v2", "length": 6, "lr": 0.02, "batch_size": 8},
}
FAMILIES = ["bert", "llama"]


@pytest.fixture
def quantized(world, tiny_backbone, device):
    """A function from a family and a type to a world on its tiny backbone, quantized."""

    def make(family, dtype="float32"):
        folder = str(tiny_backbone(family))
        return replace(world, backbone=load_backbone(folder, dtype=dtype, device=device, quantization="int8"))

    return make


@pytest.mark.parametrize("family", FAMILIES)
def test_trials_together_are_each_the_trial_alone(family, quantized):
    world = quantized(family)
    learners, final = trained_together(world, NAMES, EPOCHS)
    for number, name in enumerate(NAMES):
        learner, train_loss, loss = trained_alone(world, number, name, EPOCHS)
        assert final[number]["train_loss"] == near(train_loss), name
        assert final[number]["loss"] == near(loss), name
        for key, tensor in learner.collapsed().items():
            assert (learners[number].collapsed()[key] - tensor).abs().max() < 1e-3, (name, key)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", PROMPTS)
def test_a_resumed_trial_is_the_trial_that_never_stopped(family, method, quantized):
    def advanced(goal):
        """What an engine reports that trains a trial from what is saved of it, on weights that are loaded anew."""
        world = quantized(family)
        engine, (plan, learner) = Engine(world.backbone, token_budget=2_000), world.trial(3, PROMPTS[method])
        engine.join(plan, learner)
        engine.advance(3, goal)
        return finish(engine)[-1].metrics["loss"], plan.state_path

    expected, state = advanced(2)
    tensors = read(state).tensors
    shutil.rmtree(state.parent)
    advanced(1)
    assert advanced(2)[0] == expected
    found = read(state).tensors
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[key], tensor) for key, tensor in tensors.items())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", PROMPTS)
def test_prompts_learn(family, method, dtype, quantized):
    world = quantized(family, dtype)
    plan, learner = world.trial(0, PROMPTS[method])
    losses = train_alone(world.backbone, learner, plan, 4)
    steps = len(losses) // 4
    assert sum(losses[-steps:]) < 0.95 * sum(losses[:steps])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", PROMPTS)
def test_gradients_of_prompts_are_near_those_on_whole_weights(family, method, quantized, tiny_backbone, device):
    world = quantized(family)
    whole = replace(world, backbone=load_backbone(str(tiny_backbone(family)), device=device))

    def gradient(place):
        plan, learner = place.trial(0, PROMPTS[method])
        draws = Draws.of_step(torch.Generator().manual_seed(5))
        indices = torch.arange(8).numpy()
        plan.task.loss(score(place.backbone, learner, plan.train, indices, plan.recipe.head_dropout, draws)).backward()
        parts = [one.grad.cpu().flatten() for one in learner.prompt_parameters if one.grad is not None]
        return torch.cat(parts)

    ours, theirs = gradient(world), gradient(whole)
    assert theirs.norm() > 0
    assert (ours - theirs).norm() < 0.1 * theirs.norm()
    assert not torch.equal(ours, theirs), "the weights are others"
