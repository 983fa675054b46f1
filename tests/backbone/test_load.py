"""A loaded backbone: frozen, sized, hashed, and quiet."""

import pytest
import torch
from transformers.utils import logging

from ptune.backbone.hashes import weights_hash
from ptune.backbone.load import load_backbone
from support.families import make_backbone


def test_the_packaged_minilm_is_what_its_card_says(minilm):
    backbone = load_backbone("packaged:minilm")
    shape = backbone.shape
    assert (shape.layers, shape.kv_heads, shape.head_width, shape.hidden, shape.max_positions) == (6, 12, 32, 384, 512)
    assert shape.parameters == pytest.approx(22.7e6, rel=0.01)
    assert backbone.hash == weights_hash(minilm)
    assert backbone.pooler is not None


def test_nothing_of_a_backbone_trains(tiny):
    backbone = tiny("bert")
    modules = [backbone.model, backbone.pooler]
    assert not any(parameter.requires_grad for module in modules for parameter in module.parameters())
    assert not any(module.training for module in modules)


@pytest.mark.parametrize(
    ("family", "changes", "sizes"),
    [
        ("llama", {}, (2, 8)),
        ("qwen3", {"head_dim": 16}, (2, 16)),
        ("mistral", {"num_key_value_heads": 1}, (1, 8)),
        ("gpt2", {}, (4, 8)),
        ("gemma2", {"head_dim": 16}, (2, 16)),
        ("t5", {}, (4, 6)),
        ("bart", {}, (4, 8)),
    ],
)
def test_key_value_heads_are_counted_not_query_heads(family, changes, sizes, tmp_path):
    shape = load_backbone(str(make_backbone(family, tmp_path / family, **changes))).shape
    assert (shape.kv_heads, shape.head_width) == sizes


@pytest.mark.parametrize(
    ("family", "positions"),
    [("bert", 80), ("roberta", 80), ("opt", 80), ("bart", 80), ("llama", None), ("deberta-v2", None), ("t5", None)],
)
def test_positions_are_those_a_text_can_take(family, positions, tiny):
    assert tiny(family).shape.max_positions == positions


def test_every_position_can_be_used(tiny):
    for family in ("bert", "roberta", "gpt2", "opt", "xlm-roberta-xl", "bart"):
        backbone = tiny(family)
        ids = torch.ones((1, 80), dtype=torch.long)
        zero = torch.zeros(1, dtype=torch.long)
        hidden = backbone.forward(backbone.embed(ids + 4), ids.bool(), ids * 0, zero)
        assert torch.isfinite(hidden).all()


def test_layers_of_encoder_and_decoder_are_counted_together(tiny):
    assert (tiny("t5").shape.layers, tiny("t5").shape.encoder_layers) == (5, 2)
    assert tiny("bert").shape.encoder_layers is None


def test_states_and_embeddings_may_differ_in_width(tiny, tmp_path):
    shape = load_backbone(str(make_backbone("opt", tmp_path / "opt"))).shape
    assert (shape.embedding, shape.hidden, shape.head_width) == (24, 24, 8)
    assert (tiny("electra").shape.embedding, tiny("electra").shape.hidden) == (16, 32)


def test_positions_that_deberta_embeds_are_limited(tmp_path):
    backbone = load_backbone(str(make_backbone("deberta", tmp_path / "old", position_biased_input=True)))
    assert backbone.shape.max_positions == 80


def test_weights_in_half_precision_give_features_in_full(tiny_backbone):
    backbone = load_backbone(str(tiny_backbone("bert")), dtype="bfloat16")
    assert {parameter.dtype for parameter in backbone.model.parameters()} == {torch.bfloat16}
    ids = torch.full((1, 4), 7)
    hidden = backbone.forward(backbone.embed(ids), ids.bool(), ids * 0, torch.zeros(1, dtype=torch.long))
    assert hidden.dtype == torch.float32
    assert backbone.pooled(hidden[:, 0]).dtype == torch.float32


def test_loading_prints_nothing_and_leaves_the_settings_alone(tiny_backbone, capfd):
    folder = str(tiny_backbone("albert"))
    capfd.readouterr()
    logging.set_verbosity_warning()
    load_backbone(folder)
    assert capfd.readouterr() == ("", "")
    assert logging.get_verbosity() == logging.WARNING
    assert logging.is_progress_bar_enabled()
