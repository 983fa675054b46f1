"""A backward pass that computes layers anew gives the same gradients, and a forward pass keeps little for it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from ptune.backbone.cache import StateCache
from ptune.backbone.load import load_backbone
from ptune.data.sources import Splits
from ptune.prompts.draws import Draws
from ptune.prompts.forward import MiniBatch, forward
from support.closeness import close_gradients
from support.families import make_backbone
from support.worlds import CONFIGS, World, sentences

pytestmark = pytest.mark.gpu

PROMPTS = ["v2 all layers", "v2 longer, dropout", "v2 last layer", "v1 mlp around", "head"]


def world_on(folder, backbone, device):
    splits = Splits(sentences(20, 1), sentences(8, 2), None, ["no", "yes"])
    return World(load_backbone(str(backbone), device=device), splits, folder)


def gradients(backbone, trials):
    """Of one pass over some examples of every trial, prompts and heads with dropout."""
    groups = [
        MiniBatch(
            learner, plan.train, np.arange(4), plan.recipe.head_dropout, Draws.of_step(torch.Generator().manual_seed(5))
        )
        for plan, learner in trials
    ]
    for _, learner in trials:
        learner.zero_grad()
    torch.stack([one.scores.square().sum() for one in forward(backbone, groups)]).sum().backward()
    return [parameter.grad.clone() for _, learner in trials for parameter in learner.parameters()]


def kept_bytes(backbone, trials):
    """Of the tensors that autograd saves in a forward pass, without weights; a layer's prefix is held either way."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in backbone.parameters()}
    storages = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    groups = [MiniBatch(learner, plan.train, np.arange(16)) for plan, learner in trials]
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        scored = forward(backbone, groups)
    assert all(one.scores.requires_grad for one in scored)
    return sum(storages.values())


@pytest.mark.parametrize("family", ["bert", "roberta", "gpt2", "opt", "llama", "gemma2", "modernbert", "xmod"])
@pytest.mark.parametrize("kept", [False, True])
def test_gradients_are_those_of_a_pass_that_keeps_everything(tiny_backbone, tmp_path, family, kept, device):
    world = world_on(tmp_path, tiny_backbone(family), device)
    trials = [world.trial(number, CONFIGS[name]) for number, name in enumerate(PROMPTS)]
    cache = StateCache(tmp_path / "states", 10**9) if kept else None
    plain = replace(world.backbone, cache=cache)
    expected = gradients(plain, trials)
    found = gradients(replace(plain, checkpointing="always"), trials)
    for ours, theirs in zip(found, expected, strict=True):
        close_gradients(ours, theirs)


@pytest.mark.usefixtures("storages")
@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_a_deep_backbone_keeps_a_small_share(tmp_path, family, device):
    layers = "n_layer" if family == "gpt2" else "num_hidden_layers"
    world = world_on(tmp_path, make_backbone(family, tmp_path / family, **{layers: 12}), device)
    trials = [world.trial(0, {"method": "v2", "length": 2})]
    kept = {
        checkpointing: kept_bytes(replace(world.backbone, checkpointing=checkpointing), trials)
        for checkpointing in ("never", "always")
    }
    assert kept["always"] < 0.2 * kept["never"]
