"""Nothing of a pass stays behind on the CPU when the backbone is on a GPU, and nothing of it depends on the device."""

from dataclasses import replace

import pytest
import torch

from ptune.backbone.load import load_backbone
from support.closeness import close
from support.one_pass import on_cpu, pass_over
from support.pretended_gpu import CUDA, pretended_gpu
from support.worlds import CONFIGS

LSTM = "v1 lstm before"  # torch's own one is a single operation, which cannot be had for pretended tensors


def passed(world, names):
    """Scores and gradients of one pass, brought to the CPU."""
    scored, gradients = pass_over(world, names)
    assert {scores.device.type for scores in scored} == {world.backbone.device.type}
    return on_cpu([*scored, *gradients])


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
