"""Layers of one backbone lie on several devices, whole, and what they compute is what they compute on one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ptune.backbone.cache import StateCache
from ptune.backbone.families import FAMILIES
from ptune.backbone.footprint import fullest, layer_counts
from ptune.backbone.load import load_backbone
from ptune.backbone.profile import read_profile
from ptune.backbone.quantize import matrices
from ptune.backbone.spread import places
from ptune.errors import BackboneError
from support.closeness import close
from support.families import make_backbone
from support.one_pass import on_cpu, pass_over
from support.pretended_gpu import pretended_gpu

TRIALS = ("v2 all layers", "v2 longer, dropout", "v2 last layer", "v1 mlp around", "head")
SPREAD = [name for name, family in FAMILIES.items() if family.layers is not None]


def passed(world, names=TRIALS):
    """Scores and gradients of one pass, brought to the CPU."""
    scored, gradients = pass_over(world, names)
    assert {scores.device for scores in scored} == {world.backbone.device}
    return on_cpu([*scored, *gradients])


@pytest.mark.parametrize("kept", [False, True], ids=["computed", "kept"])
@pytest.mark.parametrize("checkpointing", ["never", "always"])
@pytest.mark.parametrize("family", ["bert", "llama", "gpt2", "modernbert"])
def test_a_pass_over_several_devices_is_that_of_one(family, checkpointing, kept, world, tiny_backbone, tmp_path):
    cache = StateCache(tmp_path / "states", 10**9) if kept else None
    found = []
    for count in (1, 2):
        backbone = load_backbone(str(tiny_backbone(family)), gpus=count)
        assert len(backbone.devices) == count
        found.append(passed(replace(world, backbone=replace(backbone, cache=cache, checkpointing=checkpointing))))
    for spread, single in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(spread, single, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("unpadded", [False, True], ids=["padded", "unpadded"])
@pytest.mark.parametrize("family", ["bert", "llama"])
def test_what_travels_arrives_where_the_layers_are(family, unpadded, world, tiny_backbone, tmp_path):
    names = ("v2 all layers", "v2 last layer", "v1 mlp around")
    cache = StateCache(tmp_path / "states", 10**9)
    expected = passed(replace(world, backbone=load_backbone(str(tiny_backbone(family)))), names)
    with pretended_gpu():
        loaded = load_backbone(str(tiny_backbone(family)), device="cuda", gpus=2)
        backbone = replace(loaded, cache=cache, unpadded=unpadded)
        assert {parameter.device for parameter in backbone.parameters()} == set(backbone.devices)
        found = passed(replace(world, backbone=backbone), names)
    for spread, single in zip(found, expected, strict=True):
        close(spread, single)


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_a_quantized_backbone_is_spread_as_a_whole_one(family, world, tmp_path):
    folder = str(make_backbone(family, tmp_path / family, num_hidden_layers=8))
    names = ("v2 all layers", "v1 mlp around")
    single, spread = (load_backbone(folder, quantization="int8", gpus=count) for count in (1, 2))
    expected = passed(replace(world, backbone=single), names)
    for ours, theirs in zip(passed(replace(world, backbone=spread), names), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    with pretended_gpu():
        away = load_backbone(folder, device="cuda", quantization="int8", gpus=2)
        held = {part.device for matrix in matrices(away.model) for part in (matrix.weight.qdata, matrix.weight.scale)}
        assert held == set(away.devices)
        found = passed(replace(world, backbone=away), names)
    for ours, theirs in zip(found, expected, strict=True):
        close(ours, theirs)


def test_layers_are_shared_out_by_what_they_take_in_8_bits(tmp_path):
    sizes = {"vocab_size": 4_096, "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 8}
    folder = str(make_backbone("llama", tmp_path / "llama", **sizes))
    with pretended_gpu():
        whole, quantized = (
            layers_by_device(load_backbone(folder, device="cuda", gpus=2, quantization=quantization))
            for quantization in (None, "int8")
        )
    counted = read_profile(Path(folder)).dimensions
    assert quantized[0] < whole[0], "embeddings weigh more beside layers in 8 bits"
    assert max(whole) == fullest(counted, 4, 2)[1]
    assert max(quantized) == fullest(counted, 4, 2, quantized=True)[1]


def layers_by_device(backbone):
    """How many layers each of a backbone's devices holds."""
    places = [next(layer.parameters()).device for layer in backbone.model.layers]
    return [places.count(device) for device in backbone.devices]


@pytest.mark.parametrize("family", SPREAD)
def test_every_family_with_layers_lies_on_two_devices(family, tiny):
    model, path = tiny(family).model, FAMILIES[family].layers
    tensors = dict([*model.named_parameters(), *model.named_buffers()])
    devices = torch.device("meta"), torch.device("cpu")
    found = places({name: tensor.to("meta") for name, tensor in tensors.items()}, path, devices)
    layers = {name.removeprefix(f"{path}.").split(".")[0] for name in found if name.startswith(f"{path}.")}
    for number in layers:
        assert len({device for name, device in found.items() if name.startswith(f"{path}.{number}.")}) == 1, "whole"
    assert {device for name, device in found.items() if name.startswith(f"{path}.")} >= {devices[1]}
    assert {device for name, device in found.items() if not name.startswith(f"{path}.")} <= {devices[0]}


@pytest.mark.parametrize("family", ["albert", "deberta", "t5"])
def test_a_family_that_runs_as_a_whole_is_refused_by_name(family, tiny_backbone):
    with pytest.raises(BackboneError, match="runs as a whole"):
        load_backbone(str(tiny_backbone(family)), gpus=2)


@pytest.mark.parametrize(
    ("outside", "devices", "counts"),
    [(0, 2, [6, 6]), (4, 2, [4, 8]), (40, 2, [0, 12]), (0, 3, [4, 4, 4]), (3, 4, [1, 4, 4, 3]), (0, 1, [12])],
)
def test_devices_hold_about_as_much_each(outside, devices, counts):
    assert layer_counts(12, 1.0, outside, devices) == counts
