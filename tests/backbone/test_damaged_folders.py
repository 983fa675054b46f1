"""Backbone folders that are no sound backbone: each is refused by name, whatever transformers makes of it."""

import json
import os
import shutil

import pytest
from safetensors.torch import load_file, save_file

from ptune.backbone.load import load_backbone
from ptune.backbone.profile import read_profile
from ptune.errors import BackboneError

WEIGHTS = "model.safetensors"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"


def configured(**settings):
    """A damage that changes what `config.json` says."""

    def damage(folder):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **settings}))

    return damage


def weighted(change):
    """A damage that changes the weights whose name holds one of some words."""

    def damage(folder):
        tensors = load_file(folder / WEIGHTS)
        save_file({name: change(name, tensor) for name, tensor in tensors.items()}, folder / WEIGHTS, {"format": "pt"})

    return damage


def piped(name):
    """A damage that puts a pipe, which nobody writes to, in the place of a file."""

    def damage(folder):
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return damage


def holding(name, content):
    """A damage that puts something else in the place of a file."""

    def damage(folder):
        (folder / name).write_bytes(content)

    return damage


def emptied(folder):
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()


def shortened(folder):
    weighted(lambda name, tensor: tensor[:5].clone() if "word_embeddings" in name else tensor)(folder)
    configured(vocab_size=5)(folder)


SEEN = {
    "whole numbers": (weighted(lambda name, tensor: tensor.long() if "query.weight" in name else tensor), "type I64"),
    "fewer layers": (configured(num_hidden_layers=2), "says 2 layers, and its weights hold 3"),
    "more layers": (configured(num_hidden_layers=4), "says 4 layers, and its weights hold 3"),
    "no layers": (configured(num_hidden_layers=0), "says 0 layers"),
    "a thousand million layers": (configured(num_hidden_layers=10**9), "says 1000000000 layers"),
    "no heads": (configured(num_attention_heads=0), "above 0 for num_attention_heads, got 0"),
    "fewer heads than none": (configured(num_attention_heads=-4), "above 0 for num_attention_heads, got -4"),
    "a width in words": (configured(hidden_size="32"), "above 0 for hidden_size, got '32'"),
    "a width of null": (configured(hidden_size=None), "above 0 for hidden_size, got None"),
    "no words": (configured(vocab_size=0), "above 0 for vocab_size, got 0"),
    "no positions": (configured(max_position_embeddings=0), "above 0 for max_position_embeddings, got 0"),
    "more dropped than there is": (configured(hidden_dropout_prob=2.0), "between 0 and 1 for hidden_dropout_prob"),
    "no family": (configured(model_type=None), "does not say of which family"),
    "a page in place of weights": (holding(WEIGHTS, b"<html>404</html>" * 9), "does not begin as a safetensors file"),
    "a pointer in place of weights": (holding(WEIGHTS, POINTER), "git lfs pull"),
    "a pointer in place of settings": (holding("config.json", POINTER), "git lfs pull"),
    "a quantization": (configured(quantization_config={"quant_method": "bitsandbytes"}), "are quantized"),
    "a folder as weights": (emptied, "not a regular file"),
    "a pipe as weights": (piped(WEIGHTS), "not a regular file"),
    "a pipe as config": (piped("config.json"), "not a regular file"),
}
"""What is seen without loading anything."""
LOADED = {
    "no number": (
        weighted(lambda name, tensor: tensor * float("nan") if "1.output.dense.w" in name else tensor),
        "finite",
    ),
    "an unknown activation": (configured(hidden_act="gulu"), "gulu"),
    "padding outside": (configured(pad_token_id=10**6), "Padding_idx"),
    "other widths": (configured(intermediate_size=47), "shapes of its weights"),
    "few embeddings": (shortened, "embeds 5 tokens"),
}


TOKENIZERS = {
    "a pointer in place of a tokenizer": (holding("tokenizer.json", POINTER), "git lfs pull"),
    "an empty tokenizer": (holding("tokenizer.json", b"{}"), "no readable tokenizer.json: .*Model missing"),
    "half a tokenizer": (holding("tokenizer.json", b'{"model": {'), "no readable tokenizer.json"),
}
"""What is seen of a tokenizer without transformers."""


@pytest.fixture
def backbone(tiny_backbone, tmp_path):
    return shutil.copytree(tiny_backbone("bert"), tmp_path / "backbone")


@pytest.mark.parametrize(("damage", "law"), [*SEEN.values(), *LOADED.values()], ids=[*SEEN, *LOADED])
def test_a_damaged_folder_is_refused_when_it_is_loaded(damage, law, backbone):
    damage(backbone)
    with pytest.raises(BackboneError, match=law):
        load_backbone(str(backbone))


@pytest.mark.parametrize(("damage", "law"), SEEN.values(), ids=SEEN)
def test_most_damage_is_seen_before_anything_is_loaded(damage, law, backbone):
    damage(backbone)
    with pytest.raises(BackboneError, match=law):
        read_profile(backbone).check_weights()


def test_a_pipe_beside_the_weights_is_not_read(backbone, tiny_backbone):
    os.mkfifo(backbone / "other.safetensors")
    assert load_backbone(str(backbone)).hash == load_backbone(str(tiny_backbone("bert"))).hash


@pytest.mark.parametrize(("damage", "law"), TOKENIZERS.values(), ids=TOKENIZERS)
def test_a_damaged_tokenizer_is_seen_before_anything_is_loaded(damage, law, backbone):
    damage(backbone)
    with pytest.raises(BackboneError, match=law):
        read_profile(backbone).check_tokenizer()
    with pytest.raises(BackboneError, match="tokenizer"):
        load_backbone(str(backbone))
