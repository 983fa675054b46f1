"""The native artifact: whole, self-describing, and never in the place of something else."""

import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ptune.artifacts.artifact import Provenance
from ptune.artifacts.checksums import CHECKSUMS
from ptune.artifacts.load import load_artifact
from ptune.errors import ArtifactError
from ptune.spec.template import parse
from support.made_artifacts import PAIR, make_artifact
from support.made_artifacts import write_native as write

FINISHED = Path(__file__).parents[1] / "fixtures/finished"


@pytest.fixture
def artifact(tiny):
    return make_artifact(tiny("bert"), PAIR, method="v1", length=5, template="everywhere", encoder="lstm")


def test_an_artifact_comes_back_as_it_was_written(artifact, tmp_path):
    write(tmp_path / "best", artifact)
    back = load_artifact(tmp_path / "best")
    assert back.manifest == artifact.manifest
    assert back.tensors.keys() == artifact.tensors.keys()
    for name, tensor in artifact.tensors.items():
        torch.testing.assert_close(back.tensors[name], tensor, atol=0, rtol=0)


def test_it_is_four_files_without_a_pickle(artifact, tmp_path):
    write(tmp_path / "best", artifact)
    names = ["README.md", "SHA256SUMS", "artifact.json", "prompt.safetensors"]
    assert sorted(path.name for path in (tmp_path / "best").rglob("*")) == names
    with safe_open(tmp_path / "best" / "prompt.safetensors", framework="pt") as stream:
        assert set(stream.keys()) == {"prompt.0", "head.0.out.weight", "head.0.out.bias"}
        assert stream.get_slice("prompt.0").get_shape() == [5, 32]


def test_its_description_can_be_read_without_ptune(artifact, tmp_path, tiny):
    write(tmp_path / "best", artifact)
    manifest = json.loads((tmp_path / "best" / "artifact.json").read_text())
    assert manifest["format"] == "ptune-artifact-1"
    assert manifest["prompt"]["method"] == "v1"
    (only,) = manifest["sets"]
    assert only["template"] == "[P:2] {premise} [P:2] [SEP] {hypothesis} [P:1]"
    assert only["labels"] == ["no", "yes"]
    assert manifest["backbone"]["hash"] == tiny("bert").hash
    assert manifest["scores"] == {"dev": {"accuracy": 0.75}}


@pytest.mark.parametrize(
    ("config", "layers", "positions"),
    [
        ({"method": "v2", "length": 2}, [0, 1, 2], "shifted"),
        ({"method": "v2", "length": 2, "depth": 2}, [1, 2], "unshifted"),
        ({"method": "v2", "length": 2, "depth": 1, "side": "first", "positions": "shifted"}, [0], "shifted"),
        ({"method": "v2", "length": 2, "positions": "unshifted"}, [0, 1, 2], "unshifted"),
        ({"method": "v1", "length": 2}, None, None),
        ({"method": "head"}, None, None),
    ],
)
def test_layers_and_position_convention_are_recorded(config, layers, positions, tiny):
    manifest = make_artifact(tiny("bert"), **config).manifest
    assert (manifest.layers, manifest.positions) == (layers, positions)


def test_the_recorded_template_reads_back_as_its_parts(tiny):
    template = "Say: [P:2] ({premise}), [SEP] {hypothesis}? It is[P]"
    (only,) = make_artifact(tiny("bert"), PAIR, method="v1", length=5, template=template).manifest.sets
    assert only.template == "Say: [P:2] ({premise}), [SEP] {hypothesis}? It is [P:3]"
    assert parse(only.template, PAIR)[:-1] == parse(template, PAIR)[:-1]


def test_writing_again_replaces_the_artifact(artifact, tiny, tmp_path):
    write(tmp_path / "best", artifact)
    write(tmp_path / "best", make_artifact(tiny("bert"), method="head"))
    assert load_artifact(tmp_path / "best").manifest.prompt.method == "head"
    assert list(tmp_path.iterdir()) == [tmp_path / "best"]


def test_an_empty_folder_is_filled(artifact, tmp_path):
    write(tmp_path, artifact)
    assert load_artifact(tmp_path).manifest == artifact.manifest


@pytest.mark.parametrize("names", [["notes.txt"], ["artifact.json", "notes.txt"], ["prompt.safetensors"]])
def test_a_folder_of_other_things_is_not_overwritten(names, artifact, tmp_path):
    for name in names:
        (tmp_path / name).write_text("mine")
    with pytest.raises(ArtifactError, match=r"holds other things than an artifact \((notes.txt|prompt.safetensors)\)"):
        write(tmp_path, artifact)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_a_file_is_not_overwritten(artifact, tmp_path):
    (tmp_path / "best").write_text("mine")
    with pytest.raises(ArtifactError, match="best is a file"):
        write(tmp_path / "best", artifact)


def test_checksums_are_those_of_sha256sum_and_loading_verifies_them(artifact, tmp_path):
    write(tmp_path, artifact)
    done = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=False)
    assert done.returncode == 0
    (tmp_path / "README.md").write_text("a card is for people to change")
    assert load_artifact(tmp_path).manifest == artifact.manifest
    tensors = tmp_path / "prompt.safetensors"
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"damaged: prompt\.safetensors is not the file that was written"):
        load_artifact(tmp_path)
    tensors.unlink()
    with pytest.raises(ArtifactError, match=r"damaged: prompt\.safetensors is missing"):
        load_artifact(tmp_path)


def test_a_folder_that_gained_a_file_is_not_replaced(artifact, tmp_path):
    write(tmp_path / "best", artifact)
    (tmp_path / "best" / "notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"holds other things than an artifact \(notes.txt\)"):
        write(tmp_path / "best", artifact)


def test_a_failed_write_leaves_the_old_artifact(artifact, tmp_path):
    write(tmp_path / "best", artifact)
    broken = type(artifact)(artifact.manifest, {"prompt": "not a tensor"})
    with pytest.raises(AttributeError):
        write(tmp_path / "best", broken)
    assert load_artifact(tmp_path / "best").manifest == artifact.manifest
    assert list(tmp_path.iterdir()) == [tmp_path / "best"]


def test_a_missing_folder_is_named_with_the_nearest(artifact, tmp_path):
    write(tmp_path / "artifact", artifact)
    with pytest.raises(ArtifactError, match="artefact does not exist; did you mean 'artifact'"):
        load_artifact(tmp_path / "artefact")


def test_a_search_folder_points_to_the_artifact_in_it(artifact, tmp_path):
    write(tmp_path / "artifact", artifact)
    with pytest.raises(ArtifactError, match=f"holds no artifact.json; did you mean '{tmp_path}/artifact'"):
        load_artifact(tmp_path)


def test_a_foreign_folder_is_refused_with_what_it_holds(tmp_path):
    (tmp_path / "model.bin").write_text("")
    with pytest.raises(ArtifactError, match=r"is not an artifact: it holds no artifact.json \(model.bin\)"):
        load_artifact(tmp_path)


def test_a_file_of_an_artifact_is_answered_with_its_folder(artifact, tmp_path):
    write(tmp_path / "best", artifact)
    with pytest.raises(ArtifactError, match=f"is a file; an artifact is the folder that holds it: {tmp_path}/best"):
        load_artifact(tmp_path / "best" / "artifact.json")


def changed(text, change):
    content = json.loads(text)
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "damaged, it is not JSON"),
        (
            lambda text: text.replace("ptune-artifact-1", "ptune-artifact-9"),
            "format 'ptune-artifact-9', written by ptune 0.1.0; this version",
        ),
        (
            lambda text: text.replace('"ptune": "0.1.0"', '"ptune": "9.1"').replace('"labels"', '"names"'),
            "by ptune 9.1, ",
        ),
        (lambda text: text.replace('"max_length": 32', '"max_length": "long"'), r"damaged: .*data\.max_length: "),
        (lambda text: text.replace('"labels"', '"names"'), r"damaged: .*data\.names: .*; sets\.0\.labels: "),
        (lambda text: text.replace('"kv_heads"', '"kv_head"'), r"damaged: .*backbone\.kv_head: "),
        (
            lambda text: changed(text, lambda told: told["sets"][0].update(labels=["a", "a"])),
            "label 'a' stands there twice",
        ),
        (lambda text: changed(text, lambda told: told.update(layers=[0, 7])), "layers are numbers below 3"),
        (lambda text: changed(text, lambda told: told.update(layers=[1, 0])), "in ascending order"),
        (lambda _: "[]", "format None"),
    ],
)
def test_a_damaged_description_is_refused(damage, message, artifact, tmp_path):
    write(tmp_path, artifact)
    (tmp_path / "SHA256SUMS").unlink()
    manifest = tmp_path / "artifact.json"
    manifest.write_text(damage(manifest.read_text()))
    with pytest.raises(ArtifactError, match=message):
        load_artifact(tmp_path)


def test_damaged_or_missing_tensors_are_refused(artifact, tmp_path):
    write(tmp_path, artifact)
    (tmp_path / "SHA256SUMS").unlink()
    tensors = tmp_path / "prompt.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-7])
    with pytest.raises(ArtifactError, match=r"prompt\.safetensors is missing or damaged"):
        load_artifact(tmp_path)
    tensors.unlink()
    with pytest.raises(ArtifactError, match=r"prompt\.safetensors is missing or damaged"):
        load_artifact(tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda tensor: tensor * float("nan"), r"prompt\.0 holds values that are not finite"),
        (lambda tensor: tensor.long(), r"prompt\.0 is of type torch\.int64"),
        (lambda tensor: tensor > 0, r"prompt\.0 is of type torch\.bool"),
    ],
)
def test_tensors_that_are_no_trained_numbers_are_refused(damage, message, artifact, tmp_path):
    write(tmp_path, artifact)
    (tmp_path / "SHA256SUMS").unlink()
    tensors = {**artifact.tensors, "prompt.0": damage(artifact.tensors["prompt.0"])}
    save_file(tensors, tmp_path / "prompt.safetensors")
    with pytest.raises(ArtifactError, match=message):
        load_artifact(tmp_path)


@pytest.mark.parametrize("file", ["artifact.json", "prompt.safetensors"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(file, artifact, tmp_path):
    write(tmp_path, artifact)
    (tmp_path / "SHA256SUMS").unlink()
    (tmp_path / file).unlink()
    os.mkfifo(tmp_path / file)
    with pytest.raises(ArtifactError, match=rf"{file}"):
        load_artifact(tmp_path)


def test_a_description_of_hundreds_of_megabytes_is_not_read(artifact, tmp_path):
    write(tmp_path, artifact)
    with (tmp_path / "artifact.json").open("r+b") as stream:
        stream.truncate(300 << 20)
    with pytest.raises(ArtifactError, match="more than 64 MiB"):
        load_artifact(tmp_path)


def test_checksums_that_were_written_are_missed(artifact, tmp_path):
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    known = Provenance(search_id="x", begun=begun, commit=None, data={})
    write(tmp_path, replace(artifact, manifest=artifact.manifest.model_copy(update={"provenance": known})))
    assert load_artifact(tmp_path).manifest.provenance == known
    (tmp_path / "SHA256SUMS").unlink()
    with pytest.raises(ArtifactError, match="SHA256SUMS is missing"):
        load_artifact(tmp_path)


def test_a_vocabulary_that_data_sets_share_is_written_once(artifact, tmp_path):
    (only,) = artifact.manifest.sets
    vocabularies = [["oslo", "rome"], ["oslo", "rome"], ["oslo", "rome"], ["rye"], ["oslo", "rome"]]
    sets = [
        only.model_copy(update={"name": f"relation-{number}", "labels": words})
        for number, words in enumerate(vocabularies)
    ]
    more = [artifact.manifest.task.data] * (len(sets) - 1)
    task = artifact.manifest.task.model_copy(update={"more": more})
    shared = replace(artifact, manifest=artifact.manifest.model_copy(update={"sets": sets, "task": task}))
    write(tmp_path / "artifact", shared)
    assert (tmp_path / "artifact" / "artifact.json").read_text().count("oslo") == 2
    assert load_artifact(tmp_path / "artifact").manifest == shared.manifest


def test_the_first_data_set_has_labels_of_its_own(artifact, tmp_path):
    write(tmp_path / "artifact", artifact)
    (tmp_path / "artifact" / "SHA256SUMS").unlink()
    path = tmp_path / "artifact" / "artifact.json"
    manifest = json.loads(path.read_text())
    manifest["sets"][0]["labels"] = None
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=r"damaged: sets\.0\.labels: "):
        load_artifact(tmp_path / "artifact")


def test_an_artifact_of_the_first_version_is_converted_by_exporting_it(tmp_path):
    old = load_artifact(FINISHED / "artifact")
    assert not (FINISHED / "artifact" / CHECKSUMS).exists()
    write(tmp_path / "converted", old)
    converted = load_artifact(tmp_path / "converted")
    assert (tmp_path / "converted" / CHECKSUMS).is_file()
    assert converted.manifest == old.manifest
    assert all(torch.equal(converted.tensors[name], tensor) for name, tensor in old.tensors.items())
