"""Invariant 4: layers run one by one give what the whole backbone gives, with kept states or without, padded or not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ptune.backbone.cache import StateCache
from ptune.backbone.families import FAMILIES
from ptune.backbone.load import load_backbone
from ptune.data.sources import Splits
from ptune.engine.fused import Engine
from ptune.prompts.cached_states import cached_states
from ptune.prompts.forward import MiniBatch, forward
from support.closeness import close, near
from support.worlds import CONFIGS, World, finish, sentences

pytestmark = pytest.mark.gpu

DEEP = {
    "v2 last layer": {"method": "v2", "length": 3, "depth": 1, "lr": 0.01, "batch_size": 8},
    "v2 last two": {"method": "v2", "length": 5, "depth": 2, "lr": 0.01, "batch_size": 6},
    "v2 named": {"method": "v2", "length": 2, "layers": "2", "dropout": 0.2, "batch_size": 7},
    "head": {"method": "head", "lr": 0.05, "batch_size": 8},
}
JOINED = sorted(name for name, family in FAMILIES.items() if family.layers is not None)


def world_of(tiny_backbone, family, folder, device):
    splits = Splits(sentences(42, 1), sentences(30, 2), None, ["no", "yes"])
    return World(load_backbone(str(tiny_backbone(family)), device=device), splits, folder)


def passed(backbone, trials):
    """Scores and gradients of one pass over some examples of every trial."""
    groups = [
        MiniBatch(learner, plan.train, np.arange(2 + number % 4)) for number, (plan, learner) in enumerate(trials)
    ]
    for _, learner in trials:
        learner.zero_grad()
    scored = [one.scores for one in forward(backbone, groups)]
    torch.stack([scores.square().sum() for scores in scored]).sum().backward()
    gradients = [parameter.grad for _, learner in trials for parameter in learner.parameters()]
    return [*scored, *(gradient for gradient in gradients if gradient is not None)]


@pytest.mark.parametrize("family", JOINED)
def test_rows_that_join_late_are_those_that_came_all_the_way(tiny_backbone, tmp_path, family, device):
    world = world_of(tiny_backbone, family, tmp_path, device)
    layers = world.backbone.shape.layers
    configs = CONFIGS | DEEP
    configs["v2 lengths"] = {**CONFIGS["v2 lengths"], "lengths": ",".join("2635"[:layers])}
    trials = [world.trial(number, config) for number, config in enumerate(configs.values())]
    whole = passed(replace(world.backbone, layers=None), trials)
    cached = replace(world.backbone, cache=StateCache(tmp_path / "states", 10**9))
    unpadded = [replace(padded, unpadded=True) for padded in (world.backbone, cached) if padded.family.unpads]
    recomputed = [replace(tokens, checkpointing="always") for tokens in unpadded]
    for backbone in (world.backbone, cached, cached, *unpadded, *recomputed):
        for ours, theirs in zip(passed(backbone, trials), whole, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert len(list((tmp_path / "states").glob("*.states"))) == layers, "before all but the first, and behind the last"


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_a_layers_states_are_computed_from_the_highest_that_are_kept(tiny_backbone, tmp_path, family, device):
    world = world_of(tiny_backbone, family, tmp_path, device)
    examples = world.trial(0, DEEP["head"])[0].train
    layers = world.backbone.model.get_submodule(world.backbone.family.layers)
    ran = []
    for number, layer in enumerate(layers):
        part = next(module for module in layer.modules() if isinstance(module, torch.nn.Linear))
        part.register_forward_hook(lambda *_, number=number: ran.append(number))
    fresh = [replace(world.backbone, cache=StateCache(tmp_path / str(layer), 10**9)) for layer in range(4)]
    asked = replace(world.backbone, cache=StateCache(tmp_path / "states", 10**9))
    for layer, expected in ((2, [0, 1]), (3, [2]), (1, [0]), (2, [])):
        ran.clear()
        found = cached_states(asked, examples, layer)
        assert ran == expected
        alone = cached_states(fresh[layer], examples, layer)
        close(found.states, alone.states)


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_whole_trainings_do_not_depend_on_what_is_kept(tiny_backbone, tmp_path, family, device):
    reports = []
    for number, budget in enumerate((0, 10**9, 10**9)):
        world = world_of(tiny_backbone, family, tmp_path / str(number), device)
        engine = Engine(replace(world.backbone, cache=StateCache(tmp_path / "states", budget)), token_budget=400)
        for trial, config in enumerate(DEEP.values()):
            engine.join(*world.trial(trial, config))
            engine.advance(trial, 3)
        found = finish(engine)
        reports.append({(one.trial, one.epoch): one.metrics for one in found})
    for other in reports[1:]:
        for key, metrics in reports[0].items():
            assert other[key]["accuracy"] == metrics["accuracy"]
            assert other[key]["train_loss"] == near(metrics["train_loss"])
