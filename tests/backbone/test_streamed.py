"""Weights go from their files to a device one by one: they are the ordinary ones, and memory holds few at once."""

from functools import partial

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModel

from ptune.backbone.checkpoint import Reader, load_mapped
from ptune.backbone.load import load_backbone
from support.families import TINY, make_backbone
from support.peak_memory import peak_bytes
from support.pretended_gpu import pretended_gpu

BFLOAT16 = Reader(AutoModel, torch.bfloat16, (torch.device("cpu"),), trust=False)


def named(model):
    return dict([*model.named_parameters(), *model.named_buffers()])


@pytest.mark.parametrize("family", TINY)
def test_streamed_weights_are_those_of_ordinary_loading(family, tiny_backbone):
    folder = tiny_backbone(family)
    (plain, missing), (streamed, lost) = BFLOAT16.load(folder, folder), load_mapped(folder, BFLOAT16)
    assert missing == lost
    expected, found = named(plain), named(streamed)
    assert expected.keys() == found.keys(), "tied weights stay tied"
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


def sizes(folder):
    """Bytes of the largest weight in a checkpoint, and of all."""
    with safe_open(folder / "model.safetensors", framework="pt") as opened:
        each = [opened.get_tensor(name).nbytes for name in opened.keys()]  # noqa: SIM118 - it is no mapping
    return max(each), sum(each)


@pytest.fixture
def large(tmp_path):
    """A checkpoint of several megabytes, of which no weight is a large part."""
    return make_backbone("llama", tmp_path / "large", hidden_size=256, intermediate_size=512, num_hidden_layers=8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_memory_holds_few_weights_on_their_way_to_a_device(large, dtype, monkeypatch):
    monkeypatch.setenv("HF_DEACTIVATE_ASYNC_LOAD", "1")  # what other threads allocate is not counted
    reader = Reader(AutoModel, dtype, (torch.device("meta"),), trust=False)
    largest, whole = sizes(large)
    assert whole > 20 * largest
    cpu, mapped = torch.device("cpu"), (large / "model.safetensors").stat().st_size  # torch counts the mapped file, too
    assert peak_bytes(partial(load_mapped, large, reader), cpu) - mapped < 2 * largest
    assert peak_bytes(partial(BFLOAT16.load, large, large), cpu) - mapped > 0.4 * whole, "otherwise nothing is measured"


def test_a_streamed_backbone_computes_the_same(large):
    ids = torch.arange(6)[None]

    def states(backbone):
        ids_there = ids.to(backbone.device)
        with torch.no_grad():
            hidden = backbone.forward(backbone.embed(ids_there), ids_there >= 0, ids_there * 0, ids_there[:, 0] * 0)
        return hidden.cpu()

    expected = states(load_backbone(str(large), dtype="float32"))
    with pretended_gpu():
        streamed = load_backbone(str(large), dtype="float32", device="cuda")
        assert {one.device.type for one in streamed.parameters()} == {"cuda"}
        assert torch.allclose(states(streamed), expected, atol=1e-5)
