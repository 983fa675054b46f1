"""Backbones that cannot take a prompt are refused by name, before their weights are read."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file
from transformers import AutoConfig

from ptune.backbone.families import FAMILIES, family_of
from ptune.backbone.load import load_backbone
from ptune.errors import BackboneError
from support.families import make_backbone


@pytest.mark.parametrize("model_type", ["bloom", "falcon", "gptj", "gpt_neo", "mpnet", "xlnet", "esm"])
def test_other_families_are_refused_by_name(model_type, tmp_path):
    AutoConfig.for_model(model_type).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"never read")
    with pytest.raises(BackboneError, match=f"is a '{model_type}' model, which cannot take a prompt here") as caught:
        load_backbone(str(tmp_path))
    assert all(family in str(caught.value) for family in FAMILIES)


def test_a_family_nearly_named_is_suggested():
    with pytest.raises(BackboneError, match="did you mean 'roberta'"):
        family_of("robert", "a-model")


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_checkpoint_that_lacks_weights_is_refused(family, tiny_backbone, tmp_path):
    folder = shutil.copytree(tiny_backbone(family), tmp_path / family)
    tensors = load_file(folder / "model.safetensors")
    lost = next(name for name in tensors if name.endswith("bias"))
    save_file({name: tensor for name, tensor in tensors.items() if name != lost}, folder / "model.safetensors")
    with pytest.raises(BackboneError, match=f"the checkpoint lacks weights of the model: .*{lost}"):
        load_backbone(str(folder))


def test_a_damaged_checkpoint_is_refused(tiny_backbone, tmp_path):
    folder = shutil.copytree(tiny_backbone("bert"), tmp_path / "bert")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(BackboneError, match="is damaged: it has"):
        load_backbone(str(folder))


def test_layers_that_ask_for_no_prefix_are_noticed(tiny_backbone, tmp_path, monkeypatch):
    monkeypatch.setattr("ptune.backbone.inject.Prefix.next_layer", lambda *_: None)
    with pytest.raises(BackboneError, match="a prompt reaches 0 attention calls, but it has 3 layers"):
        load_backbone(str(tiny_backbone("bert")))


def test_a_setting_that_only_the_checkpoint_can_choose_must_be_stated(tmp_path):
    folder = make_backbone("xmod", tmp_path / "xmod")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"default_language": None}))
    with pytest.raises(BackboneError, match=r"its config\.json must state default_language"):
        load_backbone(str(folder))


def test_a_config_that_names_no_family_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 8}))
    (tmp_path / "model.safetensors").write_bytes(b"never read")
    with pytest.raises(BackboneError, match="does not say of which family it is"):
        load_backbone(str(tmp_path))
