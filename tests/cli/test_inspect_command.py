"""`ptune inspect`: a prompt's folder, a search or an MLflow run in, what it is out."""

import json
import shutil
from pathlib import Path

import pytest

from support.made_artifacts import make_artifact, write_native

FINISHED = Path(__file__).parents[1] / "fixtures" / "finished"


@pytest.fixture
def artifact(tiny, tmp_path):
    """A prompt of a subset of layers."""
    write_native(tmp_path / "mine", make_artifact(tiny("bert"), method="v2", length=2, layers="1,3"))
    return tmp_path / "mine"


def test_a_folder_is_described(ptune, artifact):
    told = ptune("inspect", "mine")
    assert told.code == 0, told.err
    text = " ".join(told.out.split())
    for said in (
        "mine: a prompt of the method v2 for classification on",
        "v2 · 2 tokens · embedding · layers 1, 3 of 3 · positions unshifted · linear head",
        "accuracy 0.7500 on dev",
        "trial 7 of made",
        "as they were written (SHA256SUMS holds)",
        "peft no: PEFT puts a prompt in all 3 layers",
        "keys and values inside the attention of layers",
    ):
        assert said in text
    assert max(map(len, told.out.splitlines())) <= 100


def test_a_search_is_described_with_what_its_journal_knows(ptune, tmp_path):
    shutil.copytree(FINISHED, tmp_path / "ptune_runs" / "finished")
    for name in ("finished", "ptune_runs/finished", "ptune_runs/finished/artifact"):
        told = ptune("inspect", name)
        assert told.code == 0, told.err
        text = " ".join(told.out.split())
        assert "trial 0 of finished · seed 3 · begun 2026-11-28" in text
        assert "train: 64 rows · sha256 4c2ea81d8d51" in text
        assert "without checksums" in text
    shutil.rmtree(tmp_path / "ptune_runs" / "finished" / "artifact")
    told = ptune("inspect", "finished")
    assert told.code == 1
    assert "has exported no prompt yet; `ptune export finished --to DIR` writes its best one up to now" in told.err


def test_one_object_of_json_holds_everything(ptune, artifact):
    told = ptune("inspect", "mine", "--json")
    content = json.loads(told.out)
    assert {"format": content["format"], **content["manifest"]} == json.loads((artifact / "artifact.json").read_text())
    assert content["tensors"]["prompt.0"] == [2, 128]
    assert content["exports"]["native"] is None
    assert content["words"]["why_not"]
    assert (content["damage"], content["format"]) == ([], "ptune-artifact-1")


def test_a_damaged_folder_is_told_by_the_exit_code_and_names_what_differs(ptune, artifact):
    (artifact / "prompt.safetensors").unlink()
    told = ptune("inspect", "mine")
    assert told.code == 1
    assert "prompt.safetensors is missing" in told.out
    assert json.loads(ptune("inspect", "mine", "--json").out)["damage"][0] == "prompt.safetensors is missing"


def test_what_is_neither_is_refused(ptune, tmp_path):
    told = ptune("inspect", "nothing")
    assert (told.code, "no search named 'nothing'" in told.err) == (2, True)
    (tmp_path / "empty").mkdir()
    told = ptune("inspect", "empty")
    assert (told.code, "is not an artifact: it holds no artifact.json" in told.err) == (2, True)
