"""What is told of an artifact's folder: what the prompt is, what differs in its files, which words lie near it."""

import json
from dataclasses import replace

import pytest
import torch

from ptune.artifacts.artifact import Artifact
from ptune.artifacts.export import write_export
from ptune.artifacts.formats.format import Export
from ptune.artifacts.formats.registry import BY_NAME
from ptune.artifacts.inspection import inspect, words_near
from ptune.backbone.word_embeddings import Vocabulary
from ptune.errors import ArtifactError
from ptune.spec.formats import FORMATS
from support.made_artifacts import make_artifact, make_task_artifact, write_native, write_peft

NEAR = ["red", "cold", "sweet"]


@pytest.fixture
def wordy(tiny):
    """A prompt whose vectors are the embeddings of words, made longer."""
    backbone = tiny("bert")
    artifact = make_artifact(backbone, method="prompt_tuning", length=len(NEAR))
    table = backbone.model.get_input_embeddings().weight.detach()
    vectors = 3 * table[[backbone.tokenizer.convert_tokens_to_ids(word) for word in NEAR]]
    return Artifact(artifact.manifest, {**artifact.tensors, "prompt.0": vectors})


@pytest.mark.parametrize("write", [write_native, write_peft])
def test_a_prompt_made_of_words_is_told_by_these_words(wordy, write, tmp_path):
    write(tmp_path / "prompt", wordy)
    found = inspect(tmp_path / "prompt")
    (prompt,) = words_near(found).prompts
    assert [near[0].word for near in prompt] == NEAR
    assert all(near[0].cosine == pytest.approx(1.0, abs=1e-4) for near in prompt)
    assert all(near == sorted(near, key=lambda word: -word.cosine) for near in prompt)
    assert (found.damage, found.checksums, found.manifest) == ([], True, wordy.manifest)


def test_it_says_what_the_tensors_hold_and_where_the_prompt_can_go(wordy, tmp_path):
    write_native(tmp_path / "prompt", wordy)
    found = inspect(tmp_path / "prompt")
    assert found.tensors == {"prompt.0": [3, 32], "head.0.out.weight": [2, 32], "head.0.out.bias": [2]}
    assert found.numbers() == {"prompt": 96, "head": 66}
    assert tuple(found.exports) == FORMATS
    assert found.exports["peft"] is found.exports["hf"] is None
    assert "causal" in found.exports["vllm"]
    assert json.loads(json.dumps(found.to_json()))["manifest"]["prompt"]["method"] == "prompt_tuning"


def test_pieces_marks_and_special_tokens_are_no_words(tiny, tiny_backbone):
    backbone = tiny("bert")
    vocabulary = Vocabulary(tiny_backbone("bert"), 32)
    every = [near.word for near in vocabulary.nearest(torch.ones(1, 32), 1000)[0]]
    assert set(NEAR) < set(every)
    assert not {token for token in backbone.tokenizer.get_vocab() if not token.isalpha()} & set(every)
    assert 0 < vocabulary.closeness() < 1


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"method": "v2", "length": 2}, "keys and values inside the attention of layers"),
        ({"method": "head"}, "a prompt of the method head has no vectors"),
    ],
)
def test_where_no_words_can_lie_near_it_is_said_why(config, reason, tiny, tmp_path):
    write_native(tmp_path / "prompt", make_artifact(tiny("bert"), **config))
    words = words_near(inspect(tmp_path / "prompt"))
    assert reason in words.why_not
    assert words.prompts == ()


def test_words_are_those_of_the_backbone_of_the_training_only(wordy, tiny_backbone, tmp_path):
    origin = wordy.manifest.backbone
    away = wordy.manifest.model_copy(update={"backbone": origin.model_copy(update={"id": "someone/away"})})
    write_native(tmp_path / "prompt", replace(wordy, manifest=away))
    found = inspect(tmp_path / "prompt")
    assert "someone/away is not on this machine" in words_near(found).why_not
    assert "other weights than the backbone on which" in words_near(found, str(tiny_backbone("roberta"))).why_not
    assert words_near(found, str(tiny_backbone("bert"))).prompts[0][0][0].word == "red"


def test_every_file_that_differs_is_named(wordy, tmp_path):
    folder = tmp_path / "prompt"
    write_native(folder, wordy)
    (folder / "prompt.safetensors").write_bytes(b"")
    (folder / "notes.txt").write_text("mine")
    (folder / "README.md").write_text("my own card")
    found = inspect(folder)
    assert found.damage[0] == "prompt.safetensors is not the file that was written"
    assert "missing or damaged" in found.damage[1]
    assert (found.beside, found.manifest) == (["notes.txt"], wordy.manifest)
    (folder / "artifact.json").write_text("{")
    found = inspect(folder)
    assert found.damage[0] == "artifact.json is not the file that was written"
    assert found.manifest is None
    assert words_near(found).why_not == "the folder is damaged"


def test_an_export_that_ptune_does_not_read_points_to_its_card(tiny, tmp_path):
    write_export(BY_NAME["hf"], Export(make_task_artifact("pairs", tiny("bert"), method="head"), tmp_path / "model"))
    with pytest.raises(ArtifactError, match=r"an export in the format hf, which ptune does not read back; its model"):
        inspect(tmp_path / "model")
