"""Passes that are replayed as CUDA graphs give the numbers of passes that are not.

Without CUDA, the same tensors go through a stand-in for a graph: it keeps memory of its own, and runs on nothing else.
"""

from dataclasses import replace

import pytest
import torch

from ptune.backbone.graphs import replay_layers
from ptune.backbone.load import load_backbone
from ptune.errors import BackboneError
from support.closeness import near
from support.worlds import trained_alone, trained_together

pytestmark = pytest.mark.gpu

EPOCHS = 2
NAMES = ["v2 all layers", "v2 longer, dropout", "v1 mlp around", "v2 first layer, shifted", "v2 last layer", "head"]


class StandIn:
    """What stands for a graph: later inputs are copied over the first ones, and their shapes must be the same."""

    def __init__(self, run, inputs):
        self.run = run
        self.memory = [tensor.detach().clone() for tensor in inputs]
        self.trained = [tensor.requires_grad for tensor in inputs]
        self.calls = 0

    def __call__(self, *inputs):
        assert [(given.shape, given.dtype) for given in inputs] == [(kept.shape, kept.dtype) for kept in self.memory]
        assert [given.requires_grad for given in inputs] == self.trained
        self.calls += 1
        for kept, given, trained in zip(self.memory, inputs, self.trained, strict=True):
            if not trained:
                kept.copy_(given)
        pairs = zip(self.memory, inputs, self.trained, strict=True)
        return self.run(*(given if trained else kept for kept, given, trained in pairs))


@pytest.fixture
def replayed(tiny_backbone, device):
    """A function from a family to a tiny backbone whose passes are replayed, and the graphs that it makes."""
    graphs = []

    def capture(run, inputs):
        graphs.append(StandIn(run, inputs))
        return graphs[-1]

    def make(family):
        backbone = load_backbone(str(tiny_backbone(family)), device=device)
        return replay_layers(backbone, None if device == "cuda" else capture), graphs

    return make


@pytest.mark.parametrize("family", ["bert", "llama", "gpt2", "roberta", "modernbert", "gemma2"])
def test_trials_together_are_each_the_trial_alone_on_plain_passes(family, replayed, world, tiny_backbone, device):
    backbone, _ = replayed(family)
    _, final = trained_together(replace(world, backbone=backbone), NAMES, EPOCHS)
    plain = replace(world, backbone=load_backbone(str(tiny_backbone(family)), device=device))
    assert backbone.layers.forms > 0
    for number, name in enumerate(NAMES):
        _, train_loss, loss = trained_alone(plain, number, name, EPOCHS)
        assert final[number]["train_loss"] == near(train_loss), name
        assert final[number]["loss"] == near(loss), name


def prompted(backbone, rows, width):
    """A pass that is trained, of rows of some width."""
    ids = torch.ones((rows, width), dtype=torch.long, device=backbone.device)
    states = backbone.begin(backbone.embed(ids), ids * 0, ids[:, 0] * 0).requires_grad_()
    backbone.run({0: states}, ids.bool(), ids[:, 0] * 0).sum().backward()
    return states.grad


def test_shapes_that_differ_little_share_a_graph(replayed):
    backbone, _ = replayed("bert")
    for rows, width in ((3, 5), (8, 8), (1, 1), (5, 7)):
        prompted(backbone, rows, width)
    assert backbone.layers.forms == 1
    prompted(backbone, 9, 5)
    assert backbone.layers.forms == 2


def test_the_graph_that_was_used_last_is_kept_and_the_number_is_bounded(replayed, monkeypatch):
    monkeypatch.setattr("ptune.backbone.graphs._KEPT", 2)
    backbone, graphs = replayed("bert")
    for rows in (8, 16, 8, 24, 8):
        prompted(backbone, rows, 4)
    assert backbone.layers.forms == 2
    if graphs:
        assert [graph.calls for graph in graphs] == [3, 1, 1]


def test_what_is_only_scored_is_not_captured(replayed):
    backbone, _ = replayed("bert")
    ids = torch.ones((2, 3), dtype=torch.long, device=backbone.device)
    with torch.inference_mode():
        states = backbone.begin(backbone.embed(ids), ids * 0, ids[:, 0] * 0)
        backbone.run({0: states}, ids.bool(), ids[:, 0] * 0)
    assert backbone.layers.forms == 0


def test_a_backbone_that_runs_as_a_whole_is_not_replayed(tiny_backbone):
    with pytest.raises(BackboneError, match="runs as a whole, so its passes cannot be replayed as CUDA graphs"):
        replay_layers(load_backbone(str(tiny_backbone("albert"))))
