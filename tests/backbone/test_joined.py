"""Rows join a model's own forward pass: layers get what belongs to the rows that are there, and copies are ordinary."""

import pytest
import torch
from transformers import AutoModel

from ptune.backbone.families import FAMILIES
from ptune.backbone.inject import LayerPrefix, Prefix
from ptune.backbone.joined import JoinedLayers
from support.closeness import close

WIDTHS = (7, 3, 5, 2)
ZEROS = torch.zeros(len(WIDTHS), dtype=torch.long)
joined_families = pytest.mark.parametrize(
    "family", sorted(name for name, family in FAMILIES.items() if family.layers is not None and not family.staged)
)


@pytest.fixture
def rows():
    ids = torch.randint(5, 25, (len(WIDTHS), max(WIDTHS)), generator=torch.Generator().manual_seed(3))
    return ids, torch.arange(max(WIDTHS)) < torch.tensor(WIDTHS)[:, None]


def states(backbone, rows, layer):
    """The states before a layer."""
    ids, visible = rows
    first = backbone.begin(backbone.embed(ids), ids * 0, ZEROS)
    return first if layer == 0 else backbone.run({0: first}, visible, ZEROS, stop=layer)


def test_every_family_joins_or_is_known_to_run_as_a_whole():
    whole = {name for name, family in FAMILIES.items() if family.layers is None}
    assert whole == {"albert", "deberta", "deberta-v2", *(n for n, f in FAMILIES.items() if f.reads == "decoder")}


@joined_families
def test_states_before_each_layer_are_those_of_transformers(family, tiny, tiny_backbone, rows):
    backbone = tiny(family)
    assert isinstance(backbone.layers, JoinedLayers)
    assert len(backbone.layers) == backbone.shape.layers
    model = AutoModel.from_pretrained(tiny_backbone(family), attn_implementation="eager").eval()
    ids, visible = rows
    theirs = model(input_ids=ids, attention_mask=visible.long(), output_hidden_states=True).hidden_states
    for layer in range(backbone.shape.layers):
        close(states(backbone, rows, layer)[visible], theirs[layer][visible])


@joined_families
def test_rows_may_join_before_any_layer_and_behind_the_last(family, tiny, rows):
    backbone = tiny(family)
    ids, visible = rows
    last = backbone.shape.layers
    size = (len(ids), backbone.shape.kv_heads, 2, backbone.shape.head_width)
    seen = torch.tensor([[True, True], [False, False], [True, False], [False, False]])
    late = LayerPrefix(torch.randn(size), torch.randn(size), seen)
    early = LayerPrefix(late.key[:2], late.value[:2], seen[:2])
    joining = {layer: states(backbone, rows, layer)[row : row + 1] for row, layer in enumerate((0, 1, 2, last))}
    parted = Prefix([None] * (last - 1) + [LayerPrefix(late.key[:3], late.value[:3], seen[:3])])
    parted.layers[1] = early
    whole = Prefix([None] * (last - 1) + [late])
    whole.layers[1] = LayerPrefix(late.key, late.value, seen & torch.tensor([[True], [True], [False], [False]]))
    expected = backbone.forward(backbone.embed(ids), visible, ids * 0, ZEROS, whole)
    close(backbone.run(joining, visible, ZEROS, parted)[visible], expected[visible])


@pytest.mark.parametrize("family", ["gpt2", "llama", "distilbert"])
def test_a_layer_runs_on_the_rows_that_are_there_and_below_the_first_not_at_all(family, tiny, rows):
    backbone = tiny(family)
    seen = []
    layers = list(backbone.model.get_submodule(backbone.family.layers))
    norms = [next(module for module in layer.modules() if "Norm" in type(module).__name__) for layer in layers]
    joining = {1: states(backbone, rows, 1)[:3], 2: states(backbone, rows, 2)[3:]}
    hooks = [norm.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[0])) for norm in norms]
    backbone.run(joining, rows[1], ZEROS)
    for hook in hooks:
        hook.remove()
    assert seen == [3, 4]


@joined_families
def test_a_tuned_copy_is_an_ordinary_model_with_the_names_of_transformers(family, tiny, tiny_backbone, rows):
    backbone, (ids, visible) = tiny(family), rows
    copied = backbone.trainable()
    ours = copied.forward(copied.embed(ids), visible, ids * 0, ZEROS)
    theirs = backbone.forward(backbone.embed(ids), visible, ids * 0, ZEROS)
    close(ours, theirs)
    ours.square().sum().backward()
    layers = list(copied.model.get_submodule(backbone.family.layers).parameters())
    assert all(parameter.grad is not None for parameter in layers if parameter.numel() > 1)
    assert all(parameter.grad is None for parameter in backbone.parameters())
    names = AutoModel.from_pretrained(tiny_backbone(family)).state_dict().keys()
    assert copied.model.state_dict().keys() <= names
