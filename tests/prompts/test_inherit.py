"""A prompt that begins from the trained prompt of another: of its size it is that prompt, a larger one holds it."""

import pytest
import torch

from ptune.prompts.forward import MiniBatch, forward
from ptune.prompts.inherit import inherit
from ptune.spec.trial import TrialSpec
from support.passes import examples_for, learner_for

LAYERS = 3  # of the tiny backbones


def child_of(backbone, parent, config, **child):
    """A fresh learner that has begun with what a parent has learned."""
    learner = learner_for(backbone, seed=2, **{**config, **child})
    inherit(learner, parent.collapsed(), TrialSpec.from_config(config).prompt, LAYERS)
    return learner


def scores(backbone, learner, config):
    examples = examples_for(backbone, **config)
    with torch.no_grad():
        [output] = forward(backbone, [MiniBatch(learner, examples, torch.arange(3).numpy())])
    return output.scores


@pytest.mark.parametrize(
    "config",
    [
        {"method": "v2", "length": 3},
        {"method": "v2", "length": 3, "layers": "1,3", "lengths": "3,2"},
        {"method": "v1", "length": 4, "template": "around", "encoder": "embedding"},
        {"method": "prompt_tuning", "length": 4, "init": "normal"},
    ],
    ids=str,
)
def test_of_the_same_size_it_answers_as_its_parent(tiny, config):
    backbone = tiny("bert")
    parent = learner_for(backbone, **config)
    child = child_of(backbone, parent, config)
    assert not torch.equal(*(scores(backbone, learner_for(backbone, seed, **config), config) for seed in (1, 2)))
    assert torch.equal(scores(backbone, child, config), scores(backbone, parent, config))


def test_a_longer_and_deeper_prefix_holds_its_parents_keys_and_values(tiny):
    backbone, config = tiny("bert"), {"method": "v2", "length": 3, "layers": "1,3", "lengths": "3,2"}
    parent, fresh = learner_for(backbone, **config), learner_for(backbone, seed=2, method="v2", length=5)
    child = child_of(backbone, parent, config, length=5, layers=None, lengths=None)
    own, before, after = (learner.prompt()() for learner in (parent, fresh, child))  # [C, 2, T, N, D]
    assert torch.equal(after[0, :, :3], own[0])
    assert torch.equal(after[2, :, :2], own[1, :, :2])
    assert torch.equal(after[2, :, 2], before[2, :, 2])  # the parent's layer ends before
    assert torch.equal(after[1], before[1])
    assert torch.equal(after[:, :, 3:], before[:, :, 3:])


def test_a_longer_prompt_in_the_input_begins_with_what_a_network_has_computed(tiny):
    backbone, config = tiny("bert"), {"method": "v1", "length": 3, "encoder": "lstm"}
    parent = learner_for(backbone, **config)
    child = child_of(backbone, parent, config, length=5, encoder="embedding")
    assert torch.equal(child.collapsed()["prompt.0"][:3], parent.collapsed()["prompt.0"])


def test_the_head_goes_along_and_frozen_tokens_stay(tiny):
    backbone, config = tiny("bert"), {"method": "v2", "length": 3, "frozen": 2}
    parent = learner_for(backbone, **config)
    child = child_of(backbone, parent, config, length=4)
    heads = [{name: tensor for name, tensor in of.collapsed().items() if "head" in name} for of in (parent, child)]
    assert all(torch.equal(heads[0][name], heads[1][name]) for name in heads[0])
    assert torch.equal(child.prompt().encoder.frozen, parent.prompt().encoder.frozen)
    assert child.prompt().encoder.table.shape[0] == 2
