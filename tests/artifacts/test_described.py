"""Descriptions that contradict themselves, or the backbone that is loaded for them: each is refused by name."""

import json
import os

import pytest
import torch
from safetensors.torch import load_file, save_file

from ptune.artifacts.predict import Predictor
from ptune.backbone.load import load_backbone
from ptune.errors import ArtifactError
from support.every_kind import SAMPLES, sample_artifact
from support.families import make_backbone
from support.made_artifacts import write_native

SET, DATA = ("sets", 0), ("task", "data")
SAID = {
    "thresholds of a classifier": ("classification", (*SET, "thresholds"), [0.5, 0.5], "has thresholds, and a task of"),
    "thresholds of numbers": ("regression", (*SET, "thresholds"), [0.5], "has thresholds, and a task of kind"),
    "a threshold too few": ("multilabel", (*SET, "thresholds"), [0.5, 0.5], "3 labels, and a threshold for 2"),
    "labels of numbers": ("regression", (*SET, "labels"), ["a", "b"], "must be .., got"),
    "labels of entities the other way": ("entity", (*SET, "labels"), ["answer", "other"], "must be .'other', 'answer'"),
    "labels of masks the other way": ("infill", (*SET, "labels"), ["true", "false"], "must be .'false', 'true'"),
    "another layout": ("classification", (*SET, "template"), "{text} so", "is '{text}' by its prompt and its data"),
    "no layers": ("classification", ("layers",), [], "at least one layer"),
    "a data set too many": ("classification", ("sets",), 2, "1 data sets, and 2 are described"),
    "a pooler that is not there": ("infill", ("backbone", "pooled"), True, "pooled"),
    "a window that is not there": ("classification", ("backbone", "window"), 5, "its window is None, not 5"),
    "texts beyond all positions": ("classification", (*DATA, "max_length"), 9_999, "may take 10002 positions"),
    "answers beyond all positions": ("generation", (*DATA, "max_target"), 9_999, "may take 10034 positions"),
}
SUMS = {
    "a pipe": (os.mkfifo, "not a regular file"),
    "nothing": (lambda path: path.write_text(""), "a line holds a SHA-256"),
    "no text": (lambda path: path.write_bytes(b"\xff\xfe"), "is damaged"),
    "another file's": (lambda path: path.write_text(f"{'0' * 64}  README.md\n"), "not among the files"),
}


@pytest.fixture
def written(tmp_path):
    """Write the artifact of a kind; with its backbone."""

    def write(kind):
        sample = SAMPLES[kind]
        made = make_backbone(sample.family, tmp_path / "backbone", lm=sample.words)
        backbone = load_backbone(str(made), lm=sample.words)
        write_native(tmp_path / "artifact", sample_artifact(kind, backbone))
        return tmp_path / "artifact"

    return write


@pytest.mark.parametrize(("kind", "path", "value", "law"), SAID.values(), ids=SAID)
def test_what_an_artifact_says_is_held_against_it_and_its_backbone(kind, path, value, law, written):
    folder = written(kind)
    (folder / "SHA256SUMS").unlink()
    content = json.loads((folder / "artifact.json").read_text())
    *above, last = path
    place = content
    for key in above:
        place = place[key]
    place[last] = place[last] * value if path == ("sets",) else value
    (folder / "artifact.json").write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match=law):
        Predictor.load(folder)


@pytest.mark.parametrize(("write", "law"), SUMS.values(), ids=SUMS)
def test_checksums_that_are_none_are_no_absent_ones(write, law, written):
    folder = written("classification")
    (folder / "SHA256SUMS").unlink()
    write(folder / "SHA256SUMS")
    with pytest.raises(ArtifactError, match=law):
        Predictor.load(folder)


def test_a_tensor_of_no_part_is_refused_by_name(written):
    folder = written("classification")
    (folder / "SHA256SUMS").unlink()
    tensors = load_file(folder / "prompt.safetensors")
    save_file(tensors | {"other": torch.ones(2)}, folder / "prompt.safetensors")
    with pytest.raises(ArtifactError, match=r"the shape of other must be none, got \[2\]"):
        Predictor.load(folder)


def test_an_answer_that_is_no_number_is_none(written):
    folder = written("classification")
    (folder / "SHA256SUMS").unlink()
    tensors = load_file(folder / "prompt.safetensors")
    save_file({name: tensor * 1e30 for name, tensor in tensors.items()}, folder / "prompt.safetensors")
    predictor = Predictor.load(folder)
    with pytest.raises(ArtifactError, match="holds a number that is none"):
        predictor.predict("red")
