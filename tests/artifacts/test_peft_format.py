"""PEFT's format: what is written, and what is refused with its reason; scores are in equivalence/."""

import json

import pytest
import torch
from safetensors import safe_open

from ptune.artifacts.formats.peft import Peft
from ptune.artifacts.load import load_artifact
from ptune.backbone.families import FAMILIES
from ptune.backbone.load import load_backbone
from ptune.errors import ArtifactError
from support.families import make_backbone
from support.made_artifacts import make_artifact
from support.made_artifacts import write_peft as write


@pytest.fixture
def artifact(tiny):
    return make_artifact(tiny("roberta"), method="v2", length=5, encoder="mlp", hidden=8, labels=["bad", "good"])


def test_the_adapter_is_what_peft_documents(artifact, tmp_path):
    write(tmp_path, artifact)
    with safe_open(tmp_path / "adapter_model.safetensors", framework="pt") as stream:
        assert stream.metadata() == {"format": "pt"}
        shapes = {name: stream.get_slice(name).get_shape() for name in stream.keys()}  # noqa: SIM118
    assert shapes == {
        "prompt_embeddings": [5, 3 * 2 * 32],
        "base_model.classifier.dense.weight": [32, 32],
        "base_model.classifier.dense.bias": [32],
        "base_model.classifier.out_proj.weight": [2, 32],
        "base_model.classifier.out_proj.bias": [2],
    }
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (config["peft_type"], config["task_type"], config["inference_mode"]) == ("PREFIX_TUNING", "SEQ_CLS", True)
    assert (config["num_virtual_tokens"], config["num_layers"], config["token_dim"]) == (5, 3, 32)


def test_grouped_heads_are_stored_in_the_width_of_the_key_value_heads(tiny, tmp_path):
    write(tmp_path, make_artifact(tiny("llama"), method="v2", length=5))
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (config["num_attention_heads"], config["token_dim"]) == (2, 16)
    with safe_open(tmp_path / "adapter_model.safetensors", framework="pt") as stream:
        assert set(stream.keys()) == {"prompt_embeddings", "base_model.score.weight"}


def test_it_comes_back_as_it_was_written(artifact, tmp_path):
    write(tmp_path, artifact)
    back = load_artifact(tmp_path)
    assert back.manifest == artifact.manifest
    assert back.tensors.keys() == artifact.tensors.keys()
    for name, tensor in artifact.tensors.items():
        torch.testing.assert_close(back.tensors[name], tensor, atol=0, rtol=0)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"method": "v1", "length": 4, "template": "around"}, "this prompt has a token behind a text"),
        ({"method": "head"}, "an adapter of PEFT is a trained prompt, and there is none"),
        ({"method": "v2", "length": 4, "depth": 2}, "in all 3 layers, this one is in 2.*leave `depth` out"),
        ({"method": "v2", "length": 4, "positions": "unshifted"}, 'train with positions = "shifted"'),
    ],
)
def test_what_peft_cannot_express_is_refused_saying_why(config, reason, tiny, tmp_path):
    with pytest.raises(ArtifactError, match=f"cannot be exported as peft: .*{reason}.*the native format holds every"):
        write(tmp_path / "adapter", make_artifact(tiny("bert"), **config))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("family", sorted(name for name, family in FAMILIES.items() if not family.peft))
def test_families_that_peft_cannot_take_are_refused_by_name(family, tiny):
    reason = Peft().why_not(make_artifact(tiny(family), method="v2", length=4).manifest)
    assert f"does not work on {family} models (it does on bert, camembert, data2vec-text, " in reason


def test_a_bert_without_a_pooler_is_refused(tmp_path):
    folder = make_backbone("bert", tmp_path / "bare", model={"add_pooling_layer": False})
    reason = Peft().why_not(make_artifact(load_backbone(str(folder)), method="v2", length=4).manifest)
    assert "comes without a pooler, so transformers would put a random one under the head" in reason


def test_a_prompt_that_would_slide_out_of_the_window_is_refused(tmp_path):
    backbone = load_backbone(str(make_backbone("mistral", tmp_path / "sliding", sliding_window=36)))
    assert Peft().why_not(make_artifact(backbone, method="v2", length=4).manifest) is None
    assert "<= 36 must hold, got 5 + 32" in Peft().why_not(make_artifact(backbone, method="v2", length=5).manifest)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"method": "v2", "length": 4, "backbone_lr": 1e-4}, "the backbone was tuned"),
        ({"method": "v2", "length": 4, "lengths": "4,4,2"}, "the same length in every layer"),
        ({"method": "v2", "length": 4, "layers": "1,3"}, "PEFT puts a prompt in all 3 layers, this one is in 2"),
    ],
)
def test_what_only_the_native_format_holds_is_refused(config, reason, tiny):
    assert reason in Peft().why_not(make_artifact(tiny("bert"), **config).manifest)


def test_another_adapter_is_refused(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"holds no ptune\.json"):
        load_artifact(tmp_path)
