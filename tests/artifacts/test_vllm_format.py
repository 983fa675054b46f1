"""vLLM's format on families whose embeddings are multiplied, by the model or by the server."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM

from ptune.artifacts.export import write_export
from ptune.artifacts.folders import read_tensors
from ptune.artifacts.formats.format import Export
from ptune.artifacts.formats.registry import BY_NAME
from ptune.artifacts.formats.vllm import EXAMPLE, INPUT, _client
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


def test_the_client_reads_probabilities_of_labels_from_a_servers_answer(speaking, tmp_path):
    """The answer is made as vLLM makes it with `--logprobs-mode processed_logprobs`: among the allowed tokens."""
    backbone = speaking("llama")
    artifact = make_task_artifact("words", backbone, method="v1", length=3, encoder="embedding")
    export = Export(artifact, tmp_path / "served")
    write_export(BY_NAME["vllm"], export)
    about = json.loads((tmp_path / "served" / INPUT).read_text())
    allowed = about["sampling"]["allowed_token_ids"]
    assert [token for tokens in about["labels"].values() for token in tokens] == allowed
    assert "--logprobs-mode processed_logprobs`" in (tmp_path / "served/README.md").read_text()
    client = _client(tmp_path / "served")
    prompt = client.Prompt(export.reference.loadable(tmp_path / "served"))
    texts = [f"some {name}" for name in about["texts"]]
    model = AutoModelForCausalLM.from_pretrained(export.reference.files, dtype=torch.float32)
    with torch.inference_mode():
        logits = model(inputs_embeds=prompt.embeds(prompt.token_ids(*texts))[None]).logits[0, -1]
    scored = dict(zip(allowed, logits[allowed].log_softmax(0).tolist(), strict=True))
    answer = {"choices": [{"logprobs": {"top_logprobs": [{f"token_id:{token}": s for token, s in scored.items()}]}}]}
    ours = export.predictor.predict(texts[0] if len(texts) == 1 else tuple(texts))
    assert prompt.probabilities(answer) == pytest.approx(ours["probabilities"], abs=1e-5)
