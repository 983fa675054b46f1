"""Passes that are replayed as CUDA graphs give the numbers of passes that are not.

Without CUDA, the same tensors go through a stand-in for a graph: it keeps memory of its own, and runs on nothing else.
"""

from dataclasses import replace

import pytest
import torch

from ptune.backbone.cache import StateCache
from ptune.backbone.graphs import cuda_capture, replay_layers
from ptune.backbone.load import load_backbone
from ptune.errors import BackboneError
from support.worlds import assert_together_as_alone

pytestmark = pytest.mark.gpu

EPOCHS = 2
DEEP = ["v2 last layer"] * 2
NAMES = ["v2 all layers", "v2 longer, dropout", "v1 mlp around", "v2 first layer, shifted", "v2 last layer", "head"]


class StandIn:
    """What stands for a graph and its backward graph: they run on memory of their own, and hand that on."""

    def __init__(self, run, inputs):
        self.run = run
        self.inputs = [tensor.detach().clone().requires_grad_(tensor.requires_grad) for tensor in inputs]
        self.output = run(*self.inputs)
        self.shown = self.output.detach().clone()
        self.gradients = [torch.empty_like(tensor) if tensor.requires_grad else None for tensor in inputs]
        self.calls = 0

    def __call__(self, *inputs):
        assert [(given.shape, given.dtype) for given in inputs] == [(kept.shape, kept.dtype) for kept in self.inputs]
        assert [given.requires_grad for given in inputs] == [kept.requires_grad for kept in self.inputs]
        self.calls += 1
        return Replay.apply(self, *inputs)


class Replay(torch.autograd.Function):
    """As `torch.cuda.make_graphed_callables` has it."""

    @staticmethod
    def forward(ctx, graph, *inputs):
        ctx.graph = graph
        for kept, given in zip(graph.inputs, inputs, strict=True):
            kept.data.copy_(given)
        with torch.enable_grad():
            graph.output = graph.run(*graph.inputs)
        graph.shown.copy_(graph.output.detach())
        return graph.shown.detach()

    @staticmethod
    def backward(ctx, gradient):
        graph = ctx.graph
        trained = [kept for kept in graph.inputs if kept.requires_grad]
        found = iter(torch.autograd.grad(graph.output, trained, gradient, allow_unused=True))
        for kept in graph.gradients:
            if kept is not None and (new := next(found)) is not None:
                kept.copy_(new)
        return None, *(None if kept is None else kept.detach() for kept in graph.gradients)


@pytest.fixture
def replayed(tiny_backbone, device):
    """A function from a family to a tiny backbone whose passes are replayed, and the graphs that it has captured."""
    graphs = []

    def make(family):
        real = cuda_capture() if torch.cuda.is_available() and device == "cuda" else StandIn

        def capture(run, inputs):
            graphs.append(real(run, inputs))
            return graphs[-1]

        return replay_layers(load_backbone(str(tiny_backbone(family)), device=device), capture), graphs

    return make


@pytest.mark.parametrize("names", [NAMES, DEEP], ids=["all layers", "the last layer"])
@pytest.mark.parametrize("family", ["bert", "llama", "gpt2", "roberta", "modernbert", "gemma2"])
def test_trials_together_are_each_the_trial_alone_on_plain_passes(
    family, names, replayed, world, tiny_backbone, device, tmp_path
):
    backbone, graphs = replayed(family)
    if names is DEEP:  # with kept states, all rows join before the last layer
        backbone = replace(backbone, cache=StateCache(tmp_path / "states", 10**9))
    plain = replace(world, backbone=load_backbone(str(tiny_backbone(family)), device=device))
    assert_together_as_alone(replace(world, backbone=backbone), plain, names, EPOCHS)
    assert graphs


def prompted(backbone, rows, width):
    """A pass that is trained, of rows of some width."""
    ids = torch.ones((rows, width), dtype=torch.long, device=backbone.device)
    states = backbone.begin(backbone.embed(ids), ids * 0, ids[:, 0] * 0).requires_grad_()
    backbone.run({0: states}, ids.bool(), ids[:, 0] * 0).sum().backward()
    return states.grad


def test_shapes_that_differ_little_share_a_graph_and_few_rows_stay_few(replayed):
    backbone, graphs = replayed("bert")
    for rows, width in ((9, 5), (16, 8), (12, 1), (13, 7)):
        prompted(backbone, rows, width)
    assert len(graphs) == 1
    for rows in (17, 3, 1, 3):
        prompted(backbone, rows, 5)
    assert len(graphs) == 4


def test_the_graphs_that_were_used_last_are_kept_until_memory_is_short(replayed, monkeypatch):
    monkeypatch.setattr("ptune.backbone.graphs._KEPT", 2)
    backbone, graphs = replayed("bert")
    for rows, captured in ((8, 1), (16, 2), (8, 2), (24, 3), (8, 3), (16, 4)):
        prompted(backbone, rows, 4)
        assert len(graphs) == captured
    backbone.layers.let_go()
    prompted(backbone, 16, 4)
    assert len(graphs) == 5


def test_what_is_only_scored_is_not_captured(replayed):
    backbone, graphs = replayed("bert")
    ids = torch.ones((2, 3), dtype=torch.long, device=backbone.device)
    with torch.inference_mode():
        states = backbone.begin(backbone.embed(ids), ids * 0, ids[:, 0] * 0)
        backbone.run({0: states}, ids.bool(), ids[:, 0] * 0)
    assert not graphs


def test_a_backbone_that_runs_as_a_whole_is_not_replayed(tiny_backbone):
    with pytest.raises(BackboneError, match="runs as a whole, so its passes cannot be replayed as CUDA graphs"):
        replay_layers(load_backbone(str(tiny_backbone("albert"))))
