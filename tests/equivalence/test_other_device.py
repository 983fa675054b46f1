"""Nothing of a pass stays behind on the CPU when the backbone is on a GPU, and nothing of it depends on the device."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ptune.backbone.load import load_backbone
from ptune.prompts.draws import Draws
from ptune.prompts.forward import MiniBatch, forward
from support.closeness import close
from support.pretended_gpu import CUDA, pretended_gpu
from support.worlds import CONFIGS

LSTM = "v1 lstm before"  # torch's own one is a single operation, which cannot be had for pretended tensors


def passed(world, names):
    """Scores and gradients of one pass over every trial, brought to the CPU."""
    trials = [world.trial(number, CONFIGS[name]) for number, name in enumerate(names)]
    groups = [
        MiniBatch(
            learner, plan.train, np.arange(4), plan.recipe.head_dropout, Draws.of_step(torch.Generator().manual_seed(5))
        )
        for plan, learner in trials
    ]
    scored = [one.scores for one in forward(world.backbone, groups)]
    assert {scores.device.type for scores in scored} == {world.backbone.device.type}
    torch.stack([scores.square().sum() for scores in scored]).sum().backward()
    gradients = [parameter.grad for _, learner in trials for parameter in learner.parameters()]
    return [tensor.detach().cpu() for tensor in (*scored, *gradients) if tensor is not None]


@pytest.mark.parametrize("quantization", [None, "int8"])
@pytest.mark.parametrize("family", ["bert", "llama"])
def test_a_pass_is_the_same_on_a_gpu(family, quantization, world, tiny_backbone):
    names = [name for name in CONFIGS if name != LSTM]
    folder = str(tiny_backbone(family))
    expected = passed(replace(world, backbone=load_backbone(folder, quantization=quantization)), names)
    with pretended_gpu():
        backbone = load_backbone(folder, device="cuda", quantization=quantization)
        found = passed(replace(world, backbone=backbone), names)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        close(ours, theirs)


def test_a_pretended_gpu_refuses_what_a_gpu_refuses():
    with pretended_gpu():
        there, here = torch.ones(2, 3, device="cuda"), torch.ones(2, 3)
        assert (there + 1).device == there[0].device == there.new_zeros(4).device == CUDA
        for mix in (lambda: there + here, lambda: here @ there.T, lambda: torch.cat([here, there])):
            with pytest.raises(RuntimeError, match="same device"):
                mix()
        with pytest.raises(TypeError, match="numpy"):
            there.numpy()
        assert (there.cpu() + here).sum() == 12
