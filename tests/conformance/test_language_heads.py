"""A backbone's own language-modelling head scores the vocabulary as transformers does; what has none is refused."""

import pytest
import torch
from torch import Tensor

from ptune.backbone.backbone import Backbone
from ptune.backbone.families import FAMILIES
from ptune.backbone.inject import LayerPrefix, Prefix
from ptune.backbone.language import CLASSES
from ptune.backbone.load import load_backbone
from ptune.backbone.profile import read_profile
from ptune.errors import BackboneError
from ptune.prompts.rows import Stack
from support.closeness import close
from support.families import make_backbone
from support.passes import every_family, stacked
from support.transformers_passes import vocabulary_scores


def states_of(backbone: Backbone, rows: Stack) -> Tensor:
    zero = torch.zeros(3, dtype=torch.long)
    return backbone.forward(backbone.embed(rows.ids), rows.visible, rows.types, zero)[rows.visible]


def scores_by_transformers(folder, backbone: Backbone, rows: Stack) -> Tensor:
    model = CLASSES[backbone.family.reads].from_pretrained(folder, attn_implementation="eager").eval()
    mask = rows.visible.long()
    return vocabulary_scores(model, input_ids=rows.ids, attention_mask=mask, token_type_ids=rows.types)[rows.visible]


@every_family
def test_the_vocabulary_is_scored_as_transformers_does(family, speaking):
    backbone = speaking(family)
    rows = stacked(backbone, method="head")
    expected = scores_by_transformers(backbone.id, backbone, rows)
    assert expected.std() > 0.1, "scores that are all alike would prove nothing"
    close(backbone.vocabulary(states_of(backbone, rows)), expected)


@every_family
def test_hidden_states_are_those_of_the_backbone_without_its_head(family, speaking):
    with_head = speaking(family)
    without = load_backbone(with_head.id)
    rows = stacked(without, method="head")
    close(states_of(with_head, rows), states_of(without, rows))
    assert with_head.shape.parameters >= without.shape.parameters - 2 * 32 * 33
    with pytest.raises(BackboneError, match="was loaded without its language-modelling head"):
        without.vocabulary(torch.zeros(1, 32))


@every_family
def test_a_checkpoint_tells_whether_it_has_a_head_before_it_is_loaded(family, tiny_backbone, tiny_language_model):
    assert read_profile(tiny_language_model(family)).language_head is True
    bare = tiny_backbone(family)
    promised = read_profile(bare).language_head
    if promised is None or promised:
        assert FAMILIES[family].reads != "first"
    if not promised:
        with pytest.raises(BackboneError, match=r"has no language-modelling head .*a verbalizer needs one"):
            load_backbone(str(bare), lm=True)
    else:
        load_backbone(str(bare), lm=True)


def test_an_embedding_model_has_no_language_head(minilm):
    assert read_profile(minilm).language_head is False
    with pytest.raises(BackboneError, match="packaged:minilm has no language-modelling head"):
        load_backbone("packaged:minilm", lm=True)


def test_a_head_tied_to_the_word_embeddings_is_not_missing(tmp_path):
    folder = make_backbone("llama", tmp_path / "tied", tie_word_embeddings=True)
    assert read_profile(folder).language_head is True
    backbone = load_backbone(str(folder), lm=True)
    assert backbone.language_head.model.lm_head.weight is backbone.model.get_input_embeddings().weight


@pytest.mark.parametrize(("family", "token"), [("bert", "[MASK]"), ("roberta", "<mask>"), ("gpt2", None)])
def test_the_mask_is_the_tokenizers(family, token, tiny):
    backbone = tiny(family)
    assert backbone.mask_token == (None if token is None else backbone.tokenizer.convert_tokens_to_ids(token))


@every_family
def test_a_copy_trains_and_leaves_the_frozen_backbone_alone(family, speaking):
    frozen = speaking(family)
    rows = stacked(frozen, method="head")
    before = frozen.vocabulary(states_of(frozen, rows))
    copied = frozen.trainable()
    assert len(list(copied.parameters())) == len(list(frozen.parameters()))
    close(copied.vocabulary(states_of(copied, rows)), before)

    optimizer = torch.optim.SGD(copied.parameters(), lr=0.01)
    copied.vocabulary(states_of(copied, rows)).square().mean().backward()
    without = [name for name, parameter in copied.named_parameters() if parameter.grad is None]
    assert not without, "weights that no pass uses are none of the backbone's"
    optimizer.step()
    assert torch.equal(frozen.vocabulary(states_of(frozen, rows)), before)
    tuned = copied.vocabulary(states_of(copied, rows))
    assert (tuned - before).abs().max() > 1e-3

    again = frozen.trainable()
    again.module_dict().load_state_dict(copied.module_dict().state_dict())
    close(again.vocabulary(states_of(again, rows)), tuned)


@every_family
def test_in_training_mode_the_backbones_own_dropout_acts(family, tmp_path):
    rates = {"attention_probs_dropout_prob": 0.3, "attention_dropout": 0.3, "attn_pdrop": 0.3}
    still = {"hidden_dropout_prob": 0.0, "dropout": 0.0, "resid_pdrop": 0.0, "embd_pdrop": 0.0}
    backbone = load_backbone(str(make_backbone(family, tmp_path / family, **rates, **still)))
    rows = stacked(backbone, method="head")
    calm = states_of(backbone, rows)
    with backbone.training_mode():
        noisy = [states_of(backbone, rows) for _ in range(2)]
    assert not torch.allclose(*noisy), "attention dropout is left out"
    assert torch.equal(states_of(backbone, rows), calm)


@every_family
def test_half_precision_is_close_to_full(family, speaking):
    full = speaking(family)
    half = load_backbone(full.id, dtype="bfloat16", lm=True)
    rows, shape = stacked(full, method="head"), full.shape
    size = (3, shape.kv_heads, 2, shape.head_width)
    key, value = torch.randn(2, *size, generator=torch.Generator().manual_seed(1))
    layer = LayerPrefix(key, value, torch.ones(3, 2, dtype=torch.bool))
    zero = torch.zeros(3, dtype=torch.long)
    states, scores = [], []
    for backbone in (half, full):
        embeds, prefix = backbone.embed(rows.ids), Prefix([layer] * shape.layers)
        states.append(backbone.forward(embeds, rows.visible, rows.types, zero, prefix)[rows.visible])
        scores.append(backbone.vocabulary(states[-1]))
    assert {tensor.dtype for tensor in (*states, *scores)} == {torch.float32}
    for one, other in (states, scores):
        assert (one - other).abs().mean() < 0.1 * other.abs().mean()
