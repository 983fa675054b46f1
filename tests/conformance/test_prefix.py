"""P-tuning v2 on every family: the prefix reaches the layers it should and no others, at the right positions."""

import pytest
import torch
from torch import Tensor
from transformers import DynamicCache

from ptune.backbone.backbone import Backbone
from ptune.backbone.families import FAMILIES
from ptune.backbone.inject import LayerPrefix, Prefix
from ptune.backbone.load import load_backbone
from ptune.errors import SpecError
from ptune.prompts.draws import Draws
from ptune.prompts.rows import Stack
from support.closeness import close
from support.families import make_backbone
from support.passes import every_family, group_for, learner_for, scores_of, stacked

cached_families = pytest.mark.parametrize("family", sorted(name for name, family in FAMILIES.items() if family.peft))


def hidden_under(backbone: Backbone, rows: Stack, prefix: Prefix | None, shift: int) -> Tensor:
    return backbone.forward(backbone.embed(rows.ids), rows.visible, rows.types, torch.full((3,), shift), prefix)


@every_family
def test_a_prefix_changes_the_scores_of_every_text(family, tiny):
    backbone = tiny(family)
    with_prompt = group_for(backbone, method="v2", length=3, positions="unshifted")
    without = group_for(backbone, method="head")
    without.learner.head().load_state_dict(with_prompt.learner.head().state_dict())
    change = scores_of(backbone, with_prompt)[0] - scores_of(backbone, without)[0]
    assert change.abs().amax(dim=1).min() > 1e-3


@every_family
def test_keys_and_values_of_every_layer_and_place_get_a_gradient(family, tiny):
    backbone = tiny(family)
    group = group_for(backbone, method="v2", length=3)
    scores_of(backbone, group)[0].square().sum().backward()
    shape = backbone.shape
    grad = group.learner.prompt().encoder.table.grad.view(3, shape.layers, 2, shape.kv_heads, shape.head_width)
    assert grad.abs().amax(dim=-1).min() > 0.0, "a place, layer, key or value, or head is cut off"


@every_family
@pytest.mark.parametrize(("side", "chosen"), [("last", {-1}), ("first", {0})])
def test_a_prompt_in_some_layers_is_one_in_all_with_the_others_masked(family, side, chosen, tiny):
    backbone = tiny(family)
    layers = backbone.shape.layers
    learner = learner_for(backbone, method="v2", length=4, depth=1, side=side)
    assert set(learner.prompt().layers) == {layer % layers for layer in chosen}
    keys, values = learner.prompt()()[0].transpose(1, 2)
    own = LayerPrefix(keys.expand(3, -1, -1, -1), values.expand(3, -1, -1, -1), torch.ones(3, 4, dtype=torch.bool))
    masked = LayerPrefix(torch.randn_like(own.key), torch.randn_like(own.value), torch.zeros(3, 4, dtype=torch.bool))
    rows = stacked(backbone, method="head")

    everywhere = Prefix([own if layer in learner.prompt().layers else masked for layer in range(layers)])
    only = Prefix([own if layer in learner.prompt().layers else None for layer in range(layers)])
    close(
        hidden_under(backbone, rows, only, 0)[rows.visible], hidden_under(backbone, rows, everywhere, 0)[rows.visible]
    )


@cached_families
@pytest.mark.parametrize("positions", ["shifted", "unshifted"])
def test_positions_are_those_stated(family, positions, tiny, reference):
    """Against transformers' own key/value cache, with position ids written out by hand."""
    backbone = tiny(family)
    learner = learner_for(backbone, method="v2", length=4, positions=positions)
    rows = stacked(backbone, method="head")
    prefixes = [pair.transpose(1, 2)[:, None].expand(-1, 3, -1, -1, -1).contiguous() for pair in learner.prompt()()]
    visible = torch.ones(3, 4, dtype=torch.bool)
    shift = 4 if positions == "shifted" else 0
    ours = hidden_under(
        backbone, rows, Prefix([LayerPrefix(keys, values, visible) for keys, values in prefixes]), shift
    )

    model = reference(family)
    first = model.config.pad_token_id + 1 if backbone.family.positions == "roberta" else 0
    ids = (first + shift + torch.arange(rows.ids.shape[1])).expand(3, -1)
    types = {"token_type_ids": rows.types} if backbone.family.types else {}
    with torch.inference_mode():
        theirs = model(
            input_ids=rows.ids,
            attention_mask=torch.cat([visible, rows.visible], dim=1).long(),
            position_ids=ids,
            past_key_values=DynamicCache(tuple((keys, values) for keys, values in prefixes)),
            **types,
        ).last_hidden_state
    assert learner.prompt().shifted == (positions == "shifted")
    close(ours[rows.visible], theirs[rows.visible])


@every_family
def test_shifting_the_text_away_from_its_prompt_matters_where_it_is_done(family, tiny):
    backbone = tiny(family)
    unshifted = group_for(backbone, method="v2", length=4, positions="unshifted")
    if not backbone.family.shifts:
        assert not group_for(backbone, method="v2", length=4).learner.prompt().shifted
        with pytest.raises(SpecError, match="must hold on a backbone of relative positions"):
            group_for(backbone, method="v2", length=4, positions="shifted")
        return
    shifted = group_for(backbone, method="v2", length=4, positions="shifted")
    difference = scores_of(backbone, shifted)[0] - scores_of(backbone, unshifted)[0]
    assert difference.abs().max() > 1e-3


@pytest.mark.parametrize(
    ("family", "window"),
    [
        ("modernbert", {"global_attn_every_n_layers": 2, "local_attention": 8}),
        ("mistral", {"sliding_window": 8}),
        ("gemma2", {"sliding_window": 8, "layer_types": ["full_attention", "sliding_attention"]}),
        ("gemma3_text", {"sliding_window": 8, "layer_types": ["full_attention", "sliding_attention"]}),
    ],
)
def test_a_prefix_is_seen_from_everywhere_in_a_sliding_window_layer(family, window, tmp_path):
    folder = make_backbone(family, tmp_path / "two", num_hidden_layers=2, **window)
    backbone = load_backbone(str(folder))
    texts = [("red green blue cold " * 8,)]
    rows = stacked(backbone, texts, method="head")
    assert rows.ids.shape[1] > 3 * 8
    size = (1, backbone.shape.kv_heads, 2, backbone.shape.head_width)
    prefix = LayerPrefix(torch.randn(size), torch.randn(size), torch.ones(1, 2, dtype=torch.bool))
    embeds, zero = backbone.embed(rows.ids), torch.zeros(1, dtype=torch.long)
    plain = backbone.forward(embeds, rows.visible, rows.types, zero)
    prompted = backbone.forward(embeds, rows.visible, rows.types, zero, Prefix([None, prefix]))
    assert (plain - prompted).abs().amax(dim=-1).min() > 1e-4


@every_family
def test_prefix_dropout_acts_while_training_only(family, tiny):
    backbone = tiny(family)
    group = group_for(backbone, method="v2", length=6, dropout=0.5)
    calm = [scores_of(backbone, group)[0] for _ in range(2)]
    assert torch.equal(*calm)
    noisy = type(group)(
        group.learner, group.examples, group.indices, draws=Draws.of_step(torch.Generator().manual_seed(1))
    )
    first, second = (scores_of(backbone, noisy)[0] for _ in range(2))
    assert not torch.allclose(first, second)
