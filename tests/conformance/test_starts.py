"""Prompts that start from words: untrained, attention sees what it would see had the words been there."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import AutoModel

from ptune.backbone.backbone import Backbone
from ptune.backbone.families import FAMILIES
from ptune.backbone.inject import LayerPrefix, Prefix
from ptune.backbone.load import load_backbone
from ptune.prompts.build import build_learner
from ptune.prompts.rows import Stack
from ptune.prompts.v2 import PrefixPrompt
from ptune.spec.prompt import PromptV2
from support.closeness import close
from support.families import make_backbone
from support.passes import every_family, stacked

WORDS = "red green cold loud"
# LayoutLM makes a mask of its own, in which words cannot be blind to what follows.
masked = pytest.mark.parametrize(
    "family", sorted(name for name, family in FAMILIES.items() if family.shifts and name != "layoutlm")
)
# In a layer with a window, a prompt is seen from everywhere, as words are only from within the window.
WIDE = {"modernbert": {"local_attention": 160}}
rotary = pytest.mark.parametrize(
    "family", sorted(name for name, family in FAMILIES.items() if family.positions == "rotary")
)


def untrained(backbone: Backbone, description: str = "", seed: int = 1, **config) -> PrefixPrompt:
    """A v2 prompt as it starts."""
    prompt = build_learner(PromptV2(**config), backbone, [], seed, description=description).prompt()
    assert isinstance(prompt, PrefixPrompt)
    return prompt


def words_of(backbone: Backbone) -> list[int]:
    """The words as the beginning of a text: without the special tokens behind them."""
    whole = backbone.tokenizer(WORDS)["input_ids"]
    plain = backbone.tokenizer(WORDS, add_special_tokens=False)["input_ids"]
    return whole[: whole.index(plain[0]) + len(plain)]


def behind(backbone: Backbone, prompt: PrefixPrompt, rows: Stack) -> Tensor:
    """Hidden states [B, Q, H] of the rows behind a prompt."""
    layers = [
        LayerPrefix(*pair.transpose(1, 2)[:, None].expand(-1, 3, -1, -1, -1), torch.ones(3, pair.shape[1], dtype=bool))
        for pair in prompt()
    ]
    shift = torch.full((3,), prompt().shape[2] if prompt.shifted else 0)
    with torch.inference_mode():
        return backbone.forward(backbone.embed(rows.ids), rows.visible, rows.types, shift, Prefix(layers))


def behind_words(folder: Path, words: list[int], rows: Stack, *, causal: bool) -> Tensor:
    """What transformers computes for the rows with the words themselves before them; the words do not see the rows."""
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    ids = torch.cat([torch.tensor(words).expand(3, -1), rows.ids], dim=1)
    count, width = len(words), ids.shape[1]
    seen = torch.cat([torch.ones(3, count, dtype=torch.bool), rows.visible], dim=1)[:, None, None].expand(
        -1, 1, width, -1
    )
    mask = seen.clone()
    mask[:, :, :count, count:] = False
    if causal:
        mask &= torch.ones(width, width, dtype=torch.bool).tril()
    added = torch.where(mask, 0.0, torch.finfo(torch.float32).min)
    by_layer = {"full_attention": added, "sliding_attention": added}
    given = {"input_ids": ids, "attention_mask": by_layer if model.config.model_type in WIDE else added}
    if FAMILIES[model.config.model_type].types:
        given["token_type_ids"] = torch.cat([torch.zeros(3, count, dtype=torch.long), rows.types], dim=1)
    first = FAMILIES[model.config.model_type].first_position(model.config.pad_token_id)
    with torch.inference_mode():
        states = model(**given, position_ids=first + torch.arange(width).expand(3, -1)).last_hidden_state
    return states[:, count:]


@masked
def test_a_prompt_of_words_is_the_words(family, tiny_backbone, tmp_path):
    folder = make_backbone(family, tmp_path / "wide", **WIDE[family]) if family in WIDE else tiny_backbone(family)
    backbone = load_backbone(str(folder))
    words, rows = words_of(backbone), stacked(backbone, method="head")
    ours = behind(backbone, untrained(backbone, length=len(words), init=f"text: {WORDS}"), rows)
    theirs = behind_words(folder, words, rows, causal=backbone.family.reads == "last")
    close(ours[rows.visible], theirs[rows.visible])


@rotary
def test_where_distances_count_words_stand_before_the_first_position_too(family, tiny):
    backbone = tiny(family)
    words, rows = words_of(backbone), stacked(backbone, method="head")
    both = [
        behind(backbone, untrained(backbone, length=len(words), init=f"text: {WORDS}", positions=positions), rows)
        for positions in ("shifted", "unshifted")
    ]
    close(both[0][rows.visible], both[1][rows.visible])


@every_family
def test_every_start_reaches_every_layer(family, tiny):
    backbone = tiny(family)
    for init in ("vocabulary", "text", f"text: {WORDS}"):
        table = untrained(backbone, "old or new", length=6, init=init)().detach()
        assert table.isfinite().all()
        assert table.std(dim=2).amin(dim=(0, 1)).min() > 1e-6, "all places of some layer are alike"
    assert not untrained(backbone, length=6, init="zero")().any()


def test_a_prompt_in_some_layers_starts_as_those_layers_do(tiny):
    backbone = tiny("bert")
    everywhere = untrained(backbone, length=5, init=f"text: {WORDS}")()
    some = untrained(backbone, length=5, init=f"text: {WORDS}", layers="1,3")()
    assert torch.equal(some, everywhere[[0, 2]])


def test_a_text_is_repeated_even_beyond_the_backbones_longest(tiny):
    backbone = tiny("bert")
    most = backbone.shape.max_positions
    table = untrained(backbone, length=most + 5, init=f"text: {WORDS}", positions="unshifted")()
    torch.testing.assert_close(table[:, :, most:], table[:, :, :5], atol=0, rtol=0)


def test_a_projected_prompt_starts_at_the_words_and_trains_what_is_added(tiny):
    backbone = tiny("gpt2")
    plain = untrained(backbone, length=4, init=f"text: {WORDS}")()
    projected = untrained(backbone, length=4, init=f"text: {WORDS}", encoder="mlp", hidden=6)
    assert torch.equal(projected(), plain)
    projected().sum().backward()
    assert projected.encoder.layers[-1].weight.grad.any()


@pytest.mark.parametrize("init", ["normal", f"text: {WORDS}"])
def test_frozen_tokens_stay_and_the_others_train(init, tiny):
    backbone = tiny("gpt2")
    prompt = untrained(backbone, length=5, init=init, frozen=2)
    assert torch.equal(prompt(), untrained(backbone, length=5, init=init)())
    assert sum(parameter.numel() for parameter in prompt.parameters()) == 3 * prompt().numel() / 5
    before = prompt().detach().clone()
    optimizer = torch.optim.AdamW(prompt.parameters(), lr=0.1, weight_decay=0.1)
    prompt().square().sum().backward()
    optimizer.step()
    moved = (prompt() - before).abs().amax(dim=(0, 1, 3, 4)) > 0
    assert moved.tolist() == [False, False, True, True, True]
