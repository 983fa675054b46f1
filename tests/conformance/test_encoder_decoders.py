"""Encoder-decoders: prefixes in either stack, none in cross attention, and a decoder that is given targets."""

import pytest
import torch
from torch import Tensor
from transformers import AutoModel, AutoModelForSeq2SeqLM, DynamicCache, EncoderDecoderCache

from ptune.backbone.backbone import Backbone
from ptune.backbone.families import FAMILIES
from ptune.backbone.inject import LayerPrefix, Prefix
from ptune.backbone.load import load_backbone
from ptune.backbone.profile import read_profile
from ptune.errors import BackboneError
from support.closeness import close
from support.families import TINY, make_backbone
from support.passes import every_family

both_stacks = pytest.mark.parametrize(
    "family", sorted(name for name, one in FAMILIES.items() if one.reads == "decoder")
)
SOURCE = torch.tensor([[8, 12, 9, 20, 14], [10, 11, 0, 0, 0]])
VISIBLE = torch.tensor([[True] * 5, [True, True, False, False, False]])
TARGET = torch.tensor([[0, 9, 13, 7], [0, 16, 0, 0]])
TARGET_VISIBLE = torch.tensor([[True] * 4, [True, True, False, False]])


def target_of(backbone: Backbone) -> Tensor:
    return torch.cat([torch.full((2, 1), backbone.decoder_start), TARGET[:, 1:]], dim=1)


def run(backbone: Backbone, prefix: Prefix | None = None, rows: slice = slice(None), **given) -> Tensor:
    target, seen = given.get("target", target_of(backbone)), given.get("seen", TARGET_VISIBLE)
    ids, visible = given.get("source", SOURCE)[rows], given.get("visible", VISIBLE)[rows]
    embeds, zero = backbone.embed(ids), torch.zeros(len(ids), dtype=torch.long)
    return backbone.forward(embeds, visible, ids * 0, zero, prefix, target[rows], seen[rows])


def prefix_of(backbone: Backbone, layers: set[int], rows: int = 2) -> tuple[Prefix, list[Tensor]]:
    """A prefix of three positions in some layers, and its keys and values, which take gradients."""
    shape, generator = backbone.shape, torch.Generator().manual_seed(1)
    size = (rows, shape.kv_heads, 3, shape.head_width)
    made = {layer: [torch.randn(size, generator=generator).requires_grad_() for _ in range(2)] for layer in layers}
    visible = torch.ones(rows, 3, dtype=torch.bool)
    prefixes = [LayerPrefix(*made[layer], visible) if layer in made else None for layer in range(shape.layers)]
    return Prefix(prefixes), [tensor for pair in made.values() for tensor in pair]


@both_stacks
def test_states_of_targets_are_those_of_transformers(family, tiny, reference):
    backbone = tiny(family)
    with torch.inference_mode():
        theirs = reference(family)(
            input_ids=SOURCE,
            attention_mask=VISIBLE.long(),
            decoder_input_ids=target_of(backbone),
            decoder_attention_mask=TARGET_VISIBLE.long(),
        ).last_hidden_state
    close(run(backbone)[TARGET_VISIBLE], theirs[TARGET_VISIBLE])


@both_stacks
def test_words_after_targets_are_scored_as_transformers_does(family, tiny_language_model):
    folder = tiny_language_model(family)
    backbone = load_backbone(str(folder), lm=True)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.inference_mode():
        target = target_of(backbone)
        theirs = model(input_ids=SOURCE, attention_mask=VISIBLE.long(), decoder_input_ids=target).logits
    scores = backbone.vocabulary(run(backbone).flatten(0, 1)).view(2, 4, -1)
    close(scores[TARGET_VISIBLE], theirs[TARGET_VISIBLE])


@both_stacks
def test_padding_of_source_and_targets_is_ignored(family, tiny):
    backbone = tiny(family)
    prefix, _ = prefix_of(backbone, set(range(backbone.shape.layers)))
    together = run(backbone, prefix)[1, :2]
    own = Prefix([LayerPrefix(one.key[1:], one.value[1:], one.visible[1:]) for one in prefix.layers])
    short = {"source": SOURCE[:, :2], "visible": VISIBLE[:, :2], "seen": TARGET_VISIBLE[:, :2]}
    alone = run(backbone, own, rows=slice(1, 2), target=target_of(backbone)[:, :2], **short)
    close(together, alone[0])


@both_stacks
@pytest.mark.parametrize("stack", ["encoder", "decoder"])
def test_a_prefix_in_one_stack_acts_and_gets_a_gradient_in_each_of_its_layers(family, stack, tiny):
    backbone = tiny(family)
    split = backbone.shape.encoder_layers
    layers = set(range(split)) if stack == "encoder" else set(range(split, backbone.shape.layers))
    prefix, tensors = prefix_of(backbone, layers)
    states = run(backbone, prefix)
    assert (states - run(backbone))[TARGET_VISIBLE].abs().amax(dim=-1).min() > 1e-3
    states[TARGET_VISIBLE].square().sum().backward()
    assert min(tensor.grad.abs().amax(dim=-1).min() for tensor in tensors) > 0.0
    assert prefix.calls == backbone.shape.layers, "cross attention is no layer of its own"


@pytest.mark.parametrize("family", sorted(name for name, one in FAMILIES.items() if one.positions == "fixed"))
def test_a_prefix_in_the_decoder_is_that_of_a_cache(family, tiny, tiny_backbone):
    """Against keys and values put before the decoder's by transformers itself (whose T5 gives them positions)."""
    backbone = tiny(family)
    split, layers = backbone.shape.encoder_layers, backbone.shape.layers
    prefix, _ = prefix_of(backbone, set(range(split, layers)))
    seen = torch.cat([torch.ones(2, 3, dtype=torch.bool), TARGET_VISIBLE], dim=1)
    model = AutoModel.from_pretrained(tiny_backbone(family), attn_implementation="eager").eval()
    with torch.no_grad():
        theirs = decode_behind(model, prefix.layers[split:], target_of(backbone), seen)
    close(run(backbone, prefix)[TARGET_VISIBLE], theirs[TARGET_VISIBLE])


def decode_behind(model, layers: list[LayerPrefix], target: Tensor, seen: Tensor) -> Tensor:
    """Decode behind cached keys and values, with the positions of targets that follow nothing."""
    cache = EncoderDecoderCache(DynamicCache(tuple((one.key, one.value) for one in layers)), DynamicCache())
    place = model.decoder.embed_positions.forward
    model.decoder.embed_positions.forward = lambda ids, *_, **__: place(
        ids, 0, position_ids=torch.arange(target.shape[1])
    )
    given = {"attention_mask": VISIBLE.long(), "decoder_attention_mask": seen.long()}
    return model(input_ids=SOURCE, decoder_input_ids=target, past_key_values=cache, **given).last_hidden_state


@every_family
def test_layers_are_counted_from_the_config_as_in_the_model(family, tiny, tiny_backbone):
    assert read_profile(tiny_backbone(family)).layers == tiny(family).shape.layers


@every_family
def test_a_copy_takes_a_prefix_where_its_original_does(family, tiny):
    backbone = tiny(family)
    prefix, _ = prefix_of(backbone, {1})
    zero = torch.zeros(2, dtype=torch.long)
    states = [
        one.forward(one.embed(SOURCE), VISIBLE, SOURCE * 0, zero, Prefix(prefix.layers))
        for one in (backbone, backbone.trainable())
    ]
    close(states[0][VISIBLE], states[1][VISIBLE])


def test_layers_dropped_at_random_in_training_keep_their_prefixes(tmp_path):
    folder = make_backbone("bart", tmp_path / "bart", encoder_layerdrop=0.9, decoder_layerdrop=0.9)
    backbone = load_backbone(str(folder))
    prefix, _ = prefix_of(backbone, {0})
    with backbone.training_mode():
        run(backbone, prefix)
    assert prefix.calls == backbone.shape.layers


@pytest.mark.parametrize(
    ("family", "changes", "difference"),
    [
        ("bart", {"decoder_attention_heads": 2}, "encoder has 4 attention heads and its decoder 2"),
        ("marian", {"share_encoder_decoder_embeddings": False}, "must share their word embeddings"),
    ],
)
def test_stacks_that_differ_are_refused(family, changes, difference, tmp_path):
    folder = make_backbone(family, tmp_path / family, **changes)
    with pytest.raises(BackboneError, match=difference):
        load_backbone(str(folder))


def test_the_first_token_of_a_decoder_must_be_stated(tmp_path):
    folder = make_backbone("t5", tmp_path / "t5", decoder_start_token_id=None)
    with pytest.raises(BackboneError, match=r"config\.json must state decoder_start_token_id"):
        load_backbone(str(folder))
    assert TINY["t5"].config["decoder_start_token_id"] == 0
