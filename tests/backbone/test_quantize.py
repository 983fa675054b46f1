"""Matrices in 8 bits: near the whole weights, a quarter of their bytes, and nothing more held for a backward pass."""

import sys

import pytest
import torch
from transformers import AutoModel

from ptune.backbone.checkpoint import Reader, load_mapped
from ptune.backbone.load import load_backbone
from ptune.backbone.quantize import QuantizedLinear, matrices, quantize_layers
from ptune.errors import BackboneError
from support.families import make_backbone
from support.peak_memory import peak_bytes

OUTPUTS, GRADIENTS = 0.05, 0.1
"""Hidden states and gradients of random tiny backbones differ by less, in norm, from those of whole weights."""
FAMILIES = ["albert", "bart", "bert", "deberta-v2", "gpt2", "llama", "modernbert", "t5"]


def passed(backbone):
    """Hidden states of a row, and the gradient of a sum of them at its embeddings."""
    ids = torch.arange(1, 9)[None]
    embeds = backbone.embed(ids).detach().requires_grad_()
    states = backbone.forward(embeds, ids > 0, ids * 0, ids[:, 0] * 0)
    weights = torch.randn(states.shape, generator=torch.Generator().manual_seed(0))
    (states * weights).sum().backward()
    return states.detach(), embeds.grad.float()


def distance(ours, theirs):
    return float((ours - theirs).norm() / theirs.norm())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_states_and_gradients_are_near_those_of_whole_weights(family, dtype, tiny, tiny_backbone):
    backbone = load_backbone(str(tiny_backbone(family)), dtype=dtype, quantization="int8")
    (states, gradient), (expected, expected_gradient) = passed(backbone), passed(tiny(family))
    assert 1e-4 < distance(states, expected) < OUTPUTS
    assert distance(gradient, expected_gradient) < GRADIENTS
    assert backbone.dtype == getattr(torch, dtype)


@pytest.mark.parametrize("family", FAMILIES)
def test_matrices_of_layers_are_quantized_and_nothing_else_is(family, tiny_language_model):
    whole, backbone = (
        load_backbone(str(tiny_language_model(family)), lm=True, quantization=quantization)
        for quantization in (None, "int8")
    )
    found = matrices(backbone.model)
    assert found
    assert all(isinstance(matrix, QuantizedLinear) for matrix in found)
    assert backbone.shape == whole.shape
    quantized = {id(matrix.weight) for matrix in found}
    left = {name: weight for name, weight in backbone.named_parameters() if id(weight) not in quantized}
    expected = dict(whole.named_parameters())
    assert len(left) + len(quantized) == len(expected)
    assert all(torch.equal(weight, expected[name]) for name, weight in left.items())
    embedded = {id(module.weight) for module in backbone.model.modules() if isinstance(module, torch.nn.Embedding)}
    assert not embedded & quantized


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A checkpoint of several megabytes, nearly all of it in matrices of layers."""
    folder = tmp_path_factory.mktemp("large")
    return make_backbone("llama", folder / "llama", hidden_size=256, intermediate_size=512, num_hidden_layers=8)


def test_quantized_matrices_take_a_quarter_of_their_bytes_in_float32(large):
    whole = sum(matrix.weight.nbytes for matrix in matrices(load_backbone(str(large)).model))
    quantized = matrices(load_backbone(str(large), quantization="int8").model)
    held = sum(part.nbytes for matrix in quantized for part in (matrix.weight.qdata, matrix.weight.scale))
    assert 0.25 < held / whole < 0.26


def test_weights_are_quantized_one_by_one_on_their_way(large, monkeypatch):
    monkeypatch.setenv("HF_DEACTIVATE_ASYNC_LOAD", "1")  # what other threads allocate is not counted
    mapped = (large / "model.safetensors").stat().st_size  # torch counts the mapped file, too

    def most(quantized):
        reader = Reader(AutoModel, torch.bfloat16, (torch.device("cpu"),), trust=False, quantized=quantized)
        return peak_bytes(lambda: load_mapped(large, reader), torch.device("cpu")) - mapped

    assert most(quantized=True) < 0.75 * most(quantized=False), "8 bits of all, and one weight as it was"


def test_a_backward_pass_holds_no_copy_of_a_weight():
    model = torch.nn.Sequential(torch.nn.ModuleList([torch.nn.Sequential(torch.nn.Linear(512, 512))]))
    quantize_layers(model, lambda weight: (weight.device, weight.dtype))
    layer, states, saved = model[0][0], torch.randn(4, 512, requires_grad=True), []

    def saving(tensor):
        saved.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(saving, lambda tensor: tensor):
        product = layer(states)
    assert sum(saved) <= states.numel()
    product.sum().backward()
    expected = layer[0].weight.dequantize().sum(dim=0).expand(4, -1)
    assert torch.allclose(states.grad, expected, atol=1e-4)


def test_hidden_states_of_quantized_weights_are_kept_apart(tiny, tiny_backbone):
    quantized = load_backbone(str(tiny_backbone("bert")), quantization="int8")
    assert quantized.hash == tiny("bert").hash
    assert quantized.forward_hash != tiny("bert").forward_hash


def test_without_the_library_its_remedy_is_named(tiny_backbone, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(BackboneError, match=r"needs torchao, .*: pip install 'ptune\[quantization\]'"):
        load_backbone(str(tiny_backbone("bert")), quantization="int8")
