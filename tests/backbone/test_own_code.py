"""Code that a backbone brings along runs only where a job says so, and weights lie where their hash looks."""

import json
import logging
import sys

import pytest

from ptune.artifacts.predict import Predictor
from ptune.backbone.hashes import weights_hash
from ptune.backbone.load import load_backbone
from ptune.backbone.profile import read_profile
from ptune.checks.file import check_file
from ptune.errors import ArtifactError, BackboneError
from ptune.run.local import LocalRunner
from ptune.run.search import start_search
from ptune.spec.load import load_job
from ptune.spec.write import job_toml
from support.families import make_backbone
from support.small_jobs import small_job

CODE = """
import sys
from transformers import BertModel
sys.ran_own_code = True

class OwnModel(BertModel):
    pass
"""


@pytest.fixture
def coded(tmp_path, monkeypatch):
    """A folder whose settings name a class of its own for a family that transformers knows."""
    folder = make_backbone("bert", tmp_path / "coded")
    (folder / "modeling_own.py").write_text(CODE)
    settings(folder, auto_map={"AutoModel": "modeling_own.OwnModel"})
    monkeypatch.setattr(sys, "ran_own_code", False, raising=False)
    return folder


def settings(folder, **more):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}))


def test_code_is_refused_until_somebody_decides(coded, tmp_path):
    job = tmp_path / "small.toml"
    job.write_text(job_toml(small_job(tmp_path / "data", coded)))
    (problem,) = check_file(job, (), read_data=False).problems
    assert "modeling_own.OwnModel" in problem
    assert "backbone.trust_remote_code = true" in problem
    with pytest.raises(BackboneError, match="trust_remote_code"):
        load_backbone(str(coded))
    assert type(load_backbone(str(coded), trust=False).model).__name__ == "BertModel"
    assert not sys.ran_own_code
    settings(coded, auto_map={"AutoModel": "someone/else--modeling_own.OwnModel"})
    with pytest.raises(BackboneError, match="another repository"):
        read_profile(coded, trust=True)


def test_a_job_may_name_code_and_says_so_and_its_prompt_needs_the_same_word(coded, tmp_path, caplog):
    path = tmp_path / "small.toml"
    path.write_text(job_toml(small_job(tmp_path / "data", coded, trials=1, epochs=1)))
    job = load_job(path, ["backbone.trust_remote_code=true", "tracking.type=none"])
    with caplog.at_level(logging.WARNING):
        outcome = start_search(job, path.read_text(), tmp_path / "runs", LocalRunner())
    assert sys.ran_own_code
    assert "modeling_own.py (sha256 " in caplog.text
    assert json.loads((outcome.folder / "job.json").read_text())["backbone"]["trust_remote_code"] is True
    artifact = outcome.conclusion.artifact
    with pytest.raises(ArtifactError, match="--trust-remote-code"):
        Predictor.load(artifact)
    assert type(Predictor.load(artifact, trust=True).backbone.model).__name__ == "OwnModel"
    (coded / "modeling_own.py").write_text(CODE + "# edited\n")
    with pytest.raises(ArtifactError, match=r"modeling_own\.py"):
        Predictor.load(artifact, trust=True)


def test_a_tokenizer_of_its_own_is_code_too(tmp_path):
    folder = make_backbone("bert", tmp_path / "backbone")
    (folder / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": ["own.Own", None]}}))
    with pytest.raises(BackboneError, match=r"own\.Own"):
        read_profile(folder)


@pytest.mark.parametrize("name", ["../out/model.safetensors", "/model.safetensors", "sub/model.safetensors", "w.bin"])
def test_weights_lie_in_the_folder_that_is_hashed(name, tmp_path):
    folder = make_backbone("bert", tmp_path / "backbone")
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "part.safetensors", "b": name}})
    )
    for read in (weights_hash, read_profile):
        with pytest.raises(BackboneError, match="same folder"):
            read(folder)


def test_an_adapter_is_no_backbone(tmp_path):
    folder = make_backbone("bert", tmp_path / "backbone")
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "elsewhere"}')
    with pytest.raises(BackboneError, match="merge"):
        read_profile(folder)
