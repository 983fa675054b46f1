"""Predictions: the artifact's own input, its own backbone, its own labels."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from ptune.artifacts.artifact import Artifact
from ptune.artifacts.load import load_artifact
from ptune.artifacts.predict import Predictor
from ptune.backbone.load import load_backbone
from ptune.errors import ArtifactError, BackboneError, DataError
from support.closeness import close, near, same_answers
from support.families import make_backbone
from support.made_artifacts import PAIR, make_artifact, scores_of, write_native, write_peft

TEXTS = [("red green blue",), ("cold",), ("a bitter, loud, long and plain afternoon",), ("old new",)]


@pytest.fixture
def artifact(tiny):
    return make_artifact(tiny("bert"), method="v2", length=4)


@pytest.fixture
def predictor(artifact, tiny):
    return Predictor(artifact, tiny("bert"))


def test_every_input_gets_its_label_and_every_labels_probability(predictor):
    answers = predictor.predict(TEXTS)
    assert len(answers) == len(TEXTS)
    for answer in answers:
        assert list(answer["probabilities"]) == ["no", "yes"]
        assert sum(answer["probabilities"].values()) == pytest.approx(1.0)
        assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)
    assert json.loads(json.dumps(answers)) == answers


@pytest.mark.parametrize("config", [{"method": "v1", "length": 5, "template": "around"}, {"method": "head"}])
@pytest.mark.parametrize("family", ["distilbert", "gpt2"])
def test_answers_do_not_depend_on_what_else_is_asked(config, family, tiny):
    predictor = Predictor(make_artifact(tiny(family), **config), tiny(family))
    together = scores_of(predictor, TEXTS, token_budget=64)
    alone = torch.cat([scores_of(predictor, [text]) for text in TEXTS])
    close(together, alone)
    assert together.std(dim=0).min() > 1e-3


def test_nothing_asked_is_nothing_answered(predictor):
    assert predictor.predict([]) == []


def test_one_input_has_one_answer_however_it_is_given(predictor):
    (answer,) = predictor.predict(["red green blue"])
    for single in ("red green blue", ("red green blue",), {"text": "red green blue", "label": "no"}):
        assert predictor.predict(single) == answer


def test_pairs_are_given_as_tuples_lists_or_by_name(tiny):
    predictor = Predictor(make_artifact(tiny("bert"), PAIR, method="v2", length=2), tiny("bert"))
    forms = [("red", "green"), ["red", "green"], {"hypothesis": "green", "premise": "red"}]
    answers = predictor.predict(forms)
    assert [answer["label"] for answer in answers] == [answers[0]["label"]] * 3
    assert predictor.predict(("red", "green"))["label"] == answers[0]["label"]


def test_a_wrong_input_is_refused_before_any_is_answered(tiny):
    predictor = Predictor(make_artifact(tiny("bert"), PAIR, method="v2", length=2), tiny("bert"))
    with pytest.raises(DataError, match=r"input 2: 2 texts are needed \(premise, hypothesis\), got 1"):
        predictor.predict([("red", "green"), ("red",)])


def test_the_folder_may_be_a_string(artifact, predictor, tmp_path):
    write_native(tmp_path / "artifact", artifact)
    same_answers(Predictor.load(str(tmp_path / "artifact")).predict(TEXTS), predictor.predict(TEXTS))


def test_values_that_the_data_set_replaces_may_be_given_as_its_files_have_them(tiny):
    artifact = make_artifact(tiny("bert"), PAIR, method="v2", length=2)
    data = artifact.manifest.task.data.model_copy(update={"replace": {"hypothesis": {"effect": "red", "cold": "old"}}})
    manifest = artifact.manifest.model_copy(update={"task": artifact.manifest.task.model_copy(update={"data": data})})
    predictor = Predictor(Artifact(manifest, artifact.tensors), tiny("bert"))
    raw, replaced, other = predictor.predict([("cold", "effect"), ("cold", "red"), ("old", "red")])
    same_answers([raw], [replaced])
    assert raw["probabilities"] != near(other["probabilities"]), "only the named field is replaced"


def test_texts_longer_than_the_artifacts_limit_are_shortened(predictor):
    long, longer = ("red " * 40,), ("red " * 400,)
    torch.testing.assert_close(scores_of(predictor, [long]), scores_of(predictor, [longer]))


@pytest.mark.parametrize("write", [write_native, write_peft])
def test_another_backbone_is_refused_by_its_hash(write, artifact, tiny, tmp_path):
    other = make_backbone("bert", tmp_path / "other", seed=1)
    write(tmp_path / "artifact", artifact)
    with pytest.raises(ArtifactError, match=f"sha256 {tiny('bert').hash}, but .*other has .*; .* names a copy"):
        Predictor.load(tmp_path / "artifact", str(other))


def test_a_copy_of_the_backbone_is_accepted(artifact, predictor, tiny_backbone, tmp_path):
    write_native(tmp_path / "artifact", artifact)
    shutil.copytree(tiny_backbone("bert"), tmp_path / "moved")
    moved = Predictor.load(tmp_path / "artifact", str(tmp_path / "moved"))
    same_answers(moved.predict(TEXTS), predictor.predict(TEXTS))


def changed_copy(folder, target, name, change):
    """A copy of a backbone with one of its JSON files changed."""
    shutil.copytree(folder, target)
    content = json.loads((target / name).read_text())
    change(content)
    (target / name).write_text(json.dumps(content))
    return str(target)


def swap_words(tokenizer):
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["red"], vocabulary["cold"] = vocabulary["cold"], vocabulary["red"]


CHANGES = {
    "config.json": lambda config: config.update(layer_norm_eps=0.1),
    "tokenizer.json": swap_words,
    "tokenizer_config.json": lambda config: config.update(do_lower_case=False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_other_settings_or_tokens_under_the_same_weights_are_refused_saying_where(
    artifact, tiny_backbone, tmp_path, name
):
    write_native(tmp_path / "artifact", artifact)
    other = changed_copy(tiny_backbone("bert"), tmp_path / "other", name, CHANGES[name])
    with pytest.raises(ArtifactError, match=f"has the weights of .*, but differs in {name}; .* names a copy"):
        Predictor.load(tmp_path / "artifact", other)


def test_settings_that_decide_no_score_may_differ(artifact, predictor, tiny_backbone, tmp_path):
    write_native(tmp_path / "artifact", artifact)
    silent = {"transformers_version": "9.9", "architectures": ["Other"], "id2label": {"0": "a"}}
    other = changed_copy(tiny_backbone("bert"), tmp_path / "other", "config.json", lambda config: config.update(silent))
    same_answers(Predictor.load(tmp_path / "artifact", other).predict(TEXTS), predictor.predict(TEXTS))


def test_an_artifact_that_does_not_say_what_its_settings_were_is_held_to_its_weights(artifact, tiny_backbone, tmp_path):
    write_native(tmp_path / "artifact", artifact)
    (tmp_path / "artifact" / "SHA256SUMS").unlink()
    manifest = json.loads((tmp_path / "artifact" / "artifact.json").read_text())
    del manifest["backbone"]["settings"]
    (tmp_path / "artifact" / "artifact.json").write_text(json.dumps(manifest))
    other = changed_copy(tiny_backbone("bert"), tmp_path / "other", "config.json", CHANGES["config.json"])
    assert len(Predictor.load(tmp_path / "artifact", other).predict(TEXTS)) == len(TEXTS)


def test_a_backbone_that_is_gone_is_asked_for(tmp_path):
    backbone = load_backbone(str(make_backbone("bert", tmp_path / "gone")))
    write_native(tmp_path / "artifact", make_artifact(backbone, method="head"))
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(BackboneError, match=r"gone does not exist \(`--backbone`, .* names another place to look\)"):
        Predictor.load(tmp_path / "artifact")


@pytest.mark.parametrize(
    ("field", "value"), [("model_type", "roberta"), ("kv_heads", 2), ("head_width", 16), ("layers", 4)]
)
def test_a_backbone_that_is_not_as_described_is_refused(field, value, artifact, tiny):
    described = artifact.manifest.backbone.model_copy(update={field: value})
    manifest = artifact.manifest.model_copy(update={"backbone": described})
    with pytest.raises(ArtifactError, match=f"misdescribes .*: its {field} is .*, not {value!r}"):
        Predictor(type(artifact)(manifest, artifact.tensors), tiny("bert"))


def test_labels_that_do_not_fit_the_tensors_are_refused(artifact, tiny):
    more = artifact.manifest.sets[0].model_copy(update={"labels": ["a", "b", "c"]})
    manifest = artifact.manifest.model_copy(update={"sets": [more]})
    with pytest.raises(ArtifactError, match="its parts do not fit each other"):
        Predictor(type(artifact)(manifest, artifact.tensors), tiny("bert"))


@pytest.mark.parametrize("missing", ["prompt.0", "head.0.out.weight"])
def test_missing_tensors_are_refused(missing, artifact, tiny):
    tensors = {name: tensor for name, tensor in artifact.tensors.items() if name != missing}
    with pytest.raises(ArtifactError, match="its parts do not fit each other"):
        Predictor(type(artifact)(artifact.manifest, tensors), tiny("bert"))


def test_a_template_that_does_not_fit_its_fields_is_refused(tiny):
    artifact = make_artifact(tiny("bert"), method="v1", length=2, template="[P] {text}")
    data = artifact.manifest.task.data.model_copy(update={"text": ["premise"]})
    manifest = artifact.manifest.model_copy(update={"task": artifact.manifest.task.model_copy(update={"data": data})})
    with pytest.raises(ArtifactError, match=r"do not fit each other: .* names the field \{text\}"):
        Predictor(type(artifact)(manifest, artifact.tensors), tiny("bert"))


def test_a_tuned_backbone_is_part_of_the_artifact(tiny_backbone, tmp_path):
    backbone = load_backbone(str(tiny_backbone("bert")))
    artifact = make_artifact(backbone, method="v2", length=3, backbone_lr=1e-4)
    write_native(tmp_path / "tuned", artifact)
    loaded = Predictor.load(tmp_path / "tuned")
    assert loaded.artifact.manifest.tuned
    torch.testing.assert_close(scores_of(loaded, TEXTS), scores_of(Predictor(artifact, backbone), TEXTS))
    assert not torch.allclose(scores_of(loaded, TEXTS), scores_of(Predictor(frozen(artifact), backbone), TEXTS))


def test_a_head_that_was_trained_without_a_pooler_is_read_without_one(minilm, tmp_path):
    """A search whose trials may use the language head leaves the pooler out, whatever head the best trial has."""
    backbone = replace(load_backbone(str(minilm)), pooler=None)
    artifact = make_artifact(backbone, method="v2", length=3)
    write_native(tmp_path / "artifact", artifact)
    same_answers(Predictor.load(tmp_path / "artifact").predict(TEXTS), Predictor(artifact, backbone).predict(TEXTS))


def frozen(artifact: Artifact) -> Artifact:
    """The same prompt and head on the backbone as it was."""
    tensors = {name: tensor for name, tensor in artifact.tensors.items() if not name.startswith("backbone.")}
    return Artifact(artifact.manifest.model_copy(update={"tuned": False}), tensors)


def test_the_weights_of_a_tuned_backbone_are_not_forgotten(tiny):
    tuned = make_artifact(tiny("bert"), method="head", backbone_lr=1e-4)
    with pytest.raises(ArtifactError, match="its backbone was tuned, and the tuned weights are missing"):
        Predictor(Artifact(tuned.manifest, frozen(tuned).tensors), tiny("bert"))


def test_an_adapter_that_ptune_did_not_write_is_refused(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ArtifactError, match="another PEFT adapter"):
        load_artifact(tmp_path)
