"""What a backbone's folder says of it, without its weights being loaded."""

import json
from dataclasses import replace

import pytest

from ptune.backbone.budget import dimensions
from ptune.backbone.profile import read_profile
from ptune.errors import BackboneError
from support.families import make_backbone


def test_a_profile_is_read_once(minilm, monkeypatch):
    profile = read_profile(minilm, "packaged:minilm")
    assert (profile.id, profile.model_type, profile.layers) == ("packaged:minilm", "bert", 6)
    assert (profile.positions, profile.language_head) == (512, False)
    assert profile.weights_hash == profile.weights_hash
    monkeypatch.setattr("pathlib.Path.read_text", None)
    assert (profile.layers, profile.positions, profile.family.reads) == (6, 512, "first")


@pytest.mark.parametrize("family", ["bert", "llama", "gpt2", "t5", "albert", "distilbert"])
def test_the_files_tell_the_sizes_that_the_loaded_backbone_has(family, tiny, tiny_backbone):
    told, loaded = read_profile(tiny_backbone(family)).dimensions, dimensions(tiny(family))
    assert replace(told, parameters=0) == replace(loaded, parameters=0)
    assert loaded.parameters <= told.parameters < 1.3 * loaded.parameters
    assert told.layers == tiny(family).shape.layers
    assert (told.hidden, told.embedding) == (tiny(family).shape.hidden, tiny(family).shape.embedding)
    assert told.prefix == 2 * tiny(family).shape.kv_heads * tiny(family).shape.head_width


def test_a_setting_that_a_family_has_to_state_is_named(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5", "num_layers": 2}))
    with pytest.raises(BackboneError, match=r"must state decoder_start_token_id"):
        read_profile(tmp_path)


@pytest.mark.parametrize("key", ["num_hidden_layers", "n_layer", "n_layers"])
def test_layers_are_counted_from_the_config_alone(key, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", key: 5}))
    assert read_profile(tmp_path).layers == 5


@pytest.mark.parametrize(
    ("config", "layers"),
    [
        ({"model_type": "t5", "num_layers": 4, "num_decoder_layers": None}, 8),
        ({"model_type": "mt5", "num_layers": 4, "num_decoder_layers": 2}, 6),
        ({"model_type": "bart", "num_hidden_layers": 6, "encoder_layers": 6, "decoder_layers": 3}, 9),
    ],
)
def test_layers_of_encoder_and_decoder_are_counted_together(config, layers, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({**config, "decoder_start_token_id": 0}))
    assert read_profile(tmp_path).layers == layers


@pytest.mark.parametrize(
    ("config", "names", "expected"),
    [
        ({"model_type": "bert"}, ["cls.predictions.bias"], True),
        ({"model_type": "bert"}, ["bert.pooler.dense.bias"], False),
        ({"model_type": "electra"}, ["discriminator_predictions.dense.bias"], False),
        ({"model_type": "gpt2"}, ["wte.weight"], True),
        ({"model_type": "llama"}, ["model.norm.weight"], None),
        ({"model_type": "llama", "tie_word_embeddings": False}, ["model.norm.weight"], False),
        ({"model_type": "llama", "tie_word_embeddings": True}, ["model.norm.weight"], True),
    ],
)
def test_a_language_head_is_seen_in_the_names_of_the_weights(config, names, expected, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))
    header = json.dumps({name: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for name in names}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert read_profile(tmp_path).language_head is expected


def test_a_weights_file_without_a_header_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert", "num_hidden_layers": 2}')
    (tmp_path / "model.safetensors").write_bytes(b"no header")
    with pytest.raises(BackboneError, match=r"model\.safetensors cannot be read"):
        _ = read_profile(tmp_path).language_head


@pytest.mark.parametrize("content", [None, "{", "[1]"])
def test_an_unreadable_config_is_refused(content, tmp_path):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(BackboneError, match=r"holds no readable config\.json"):
        read_profile(tmp_path)


def test_a_config_without_layers_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(BackboneError, match="does not say how many layers"):
        read_profile(tmp_path)


@pytest.mark.parametrize(
    ("damage", "law"),
    [
        (lambda whole: whole[:-1], "is damaged"),
        (lambda whole: whole[:5], "cannot be read"),
        (lambda whole: b"\xff" * 8 + whole[8:], "cannot be read"),
        (lambda _: (4).to_bytes(8, "little") + b"null", "does not begin"),
        (lambda _: (9).to_bytes(8, "little") + b'{"a": {}}', "does not say where"),
    ],
)
def test_damaged_weights_are_found_without_loading_them(tmp_path, damage, law):
    folder = make_backbone("bert", tmp_path / "backbone")
    read_profile(folder).check_weights()
    weights = folder / "model.safetensors"
    weights.write_bytes(damage(weights.read_bytes()))
    with pytest.raises(BackboneError, match=law) as refused:
        read_profile(folder).check_weights()
    assert str(weights) in str(refused.value)
