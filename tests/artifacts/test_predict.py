"""Predictions: the artifact's own input, its own backbone, its own labels."""

import json
import shutil
import subprocess
import sys

import pytest
import torch

from families import make_backbone
from made_artifacts import PAIR, make_artifact
from ptune.artifacts import native, peft
from ptune.artifacts.load import load_artifact
from ptune.artifacts.predict import Predictor
from ptune.backbone.load import load_backbone
from ptune.errors import ArtifactError, BackboneError, DataError

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
        assert list(answer.probabilities) == ["no", "yes"]
        assert sum(answer.probabilities.values()) == pytest.approx(1.0)
        assert answer.label == max(answer.probabilities, key=answer.probabilities.get)
    assert json.loads(json.dumps(answers[0].to_json()))["label"] == answers[0].label


@pytest.mark.parametrize("config", [{"method": "v1", "length": 5, "template": "around"}, {"method": "head"}])
@pytest.mark.parametrize("family", ["distilbert", "gpt2"])
def test_answers_do_not_depend_on_what_else_is_asked(config, family, tiny):
    predictor = Predictor(make_artifact(tiny(family), **config), tiny(family))
    together = predictor.scores(TEXTS, token_budget=64)
    alone = torch.cat([predictor.scores([text]) for text in TEXTS])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert together.std(dim=0).min() > 1e-3


def test_nothing_asked_is_nothing_answered(predictor):
    assert predictor.predict([]) == []


def test_an_input_with_too_few_texts_is_refused(tiny):
    predictor = Predictor(make_artifact(tiny("bert"), PAIR, method="v2", length=2), tiny("bert"))
    with pytest.raises(DataError, match="input 2 has 1 texts; the artifact takes 2: premise, hypothesis"):
        predictor.predict([("red", "green"), ("red",)])


def test_texts_longer_than_the_artifacts_limit_are_shortened(predictor):
    long, longer = ("red " * 40,), ("red " * 400,)
    torch.testing.assert_close(predictor.scores([long]), predictor.scores([longer]))


@pytest.mark.parametrize("write", [native.write, peft.write])
def test_another_backbone_is_refused_by_its_hash(write, artifact, tiny, tmp_path):
    other = make_backbone("bert", tmp_path / "other", seed=1)
    write(tmp_path / "artifact", artifact)
    with pytest.raises(ArtifactError, match=f"sha256 {tiny('bert').hash}, but .*other has .*; point --backbone at"):
        Predictor.load(tmp_path / "artifact", str(other))


def test_a_copy_of_the_backbone_is_accepted(artifact, predictor, tiny_backbone, tmp_path):
    native.write(tmp_path / "artifact", artifact)
    shutil.copytree(tiny_backbone("bert"), tmp_path / "moved")
    moved = Predictor.load(tmp_path / "artifact", str(tmp_path / "moved"))
    assert moved.predict(TEXTS) == predictor.predict(TEXTS)


def test_a_backbone_that_is_gone_is_asked_for(tmp_path):
    backbone = load_backbone(str(make_backbone("bert", tmp_path / "gone")))
    native.write(tmp_path / "artifact", make_artifact(backbone, method="head"))
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(BackboneError, match=r"gone does not exist \(--backbone names another place to look\)"):
        Predictor.load(tmp_path / "artifact")


@pytest.mark.parametrize("damage", [{"labels": ["a", "b", "c"]}, {"fields": ["premise"]}])
def test_tensors_that_do_not_fit_the_description_are_refused(damage, artifact, tiny):
    about = artifact.about.model_copy(update=damage)
    with pytest.raises(ArtifactError, match="its parts do not fit each other"):
        Predictor(type(artifact)(about, artifact.tensors), tiny("bert"))


def test_an_adapter_that_ptune_did_not_write_is_refused(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ArtifactError, match="another PEFT adapter"):
        load_artifact(tmp_path)


def test_a_fresh_process_answers_alike(artifact, predictor, tmp_path):
    native.write(tmp_path / "artifact", artifact)
    code = (
        "import json, pathlib, sys\n"
        "from ptune.artifacts.predict import Predictor\n"
        "answers = Predictor.load(pathlib.Path(sys.argv[1])).predict([('red green blue',)])\n"
        "print(json.dumps(answers[0].probabilities))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "artifact"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == pytest.approx(predictor.predict(TEXTS[:1])[0].probabilities, abs=1e-6)
