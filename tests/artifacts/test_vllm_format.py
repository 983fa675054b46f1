"""vLLM's format on families whose embeddings are multiplied, by the model or by the server."""

import json

import pytest
import torch

from ptune.artifacts.export import write_export
from ptune.artifacts.folders import read_tensors
from ptune.artifacts.formats.format import Export
from ptune.artifacts.formats.registry import BY_NAME
from ptune.artifacts.formats.vllm import EXAMPLE, INPUT
from support.made_artifacts import make_task_artifact


@pytest.mark.parametrize(
    ("family", "scale"), [("gemma", 32**0.5), ("gemma2", 32**0.5), ("gemma3_text", 1.0), ("granite", 1.0)]
)
def test_the_client_sends_what_the_server_makes_the_prompt_of(family, scale, speaking, tmp_path):
    """The export's own check multiplies as vLLM's models of Gemma and Gemma 2 do, and runs the rest by transformers."""
    backbone = speaking(family)
    artifact = make_task_artifact("generation", backbone, method="v1", length=3, encoder="embedding")
    export = Export(artifact, tmp_path / "served")
    assert "scores under transformers with these embeddings" in write_export(BY_NAME["vllm"], export).checked
    assert json.loads((tmp_path / "served" / INPUT).read_text())["server_scale"] == pytest.approx(scale)
    example = read_tensors(tmp_path / "served" / EXAMPLE)
    sent = example["prompt_embeds"][example["is_prompt"] == 1]
    torch.testing.assert_close(sent * scale, artifact.tensors["prompt.0"])
