"""What vLLM is sent: requests as it reads them, on families that scale embeddings in different places too."""

import json

import jsonschema
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from ptune.artifacts.export import write_export
from ptune.artifacts.formats.format import Export
from ptune.artifacts.formats.registry import BY_NAME
from ptune.artifacts.formats.vllm import EXAMPLE, INPUT, _client, decoded
from support.made_artifacts import make_task_artifact

FIELDS = {
    "model": {"type": "string"},
    "prompt_embeds": {"type": "string", "contentEncoding": "base64"},
    "max_tokens": {"type": "integer", "minimum": 1},
    "temperature": {"type": "number", "minimum": 0},
    "logprobs": {"type": "integer", "minimum": 0},
    "allowed_token_ids": {"type": "array", "items": {"type": "integer", "minimum": 0}},
    "return_tokens_as_token_ids": {"type": "boolean"},
}
"""Those of the body of /v1/completions that a request may hold: `CompletionRequest` of vLLM 0.33.0 takes them so."""
SCHEMA = {
    "type": "object",
    "properties": FIELDS,
    "required": ["model", "prompt_embeds", "max_tokens"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(("kind", "family"), [("words", "llama"), ("cloze", "gpt2"), ("generation", "llama")])
def test_a_request_is_what_the_server_reads(kind, family, speaking, tmp_path):
    artifact = make_task_artifact(kind, speaking(family), method="v1", length=3, encoder="embedding")
    write_export(BY_NAME["vllm"], Export(artifact, tmp_path / "served"))
    prompt = _client(tmp_path / "served").Prompt()
    texts = [f"some {name}" for name in prompt.about["texts"]]
    body = json.loads(json.dumps(prompt.request(*texts)))
    jsonschema.validate(body, SCHEMA)
    ids = prompt.token_ids(*texts)
    torch.testing.assert_close(decoded(body), prompt.embeds(ids), rtol=0, atol=0)
    assert "vLLM 0.18 or newer: `vllm serve " in (tmp_path / "served/README.md").read_text()


@pytest.mark.parametrize("family", ["gemma", "gemma2", "gemma3_text", "granite"])
def test_the_client_sends_vectors_as_they_were_trained(family, speaking, tmp_path):
    """Some of these families multiply the words that they look up, others every embedding that they are given."""
    backbone = speaking(family)
    artifact = make_task_artifact("generation", backbone, method="v1", length=3, encoder="embedding")
    export = Export(artifact, tmp_path / "served")
    assert "scores under transformers with these embeddings" in write_export(BY_NAME["vllm"], export).checked
    example = load_file(tmp_path / "served" / EXAMPLE)
    torch.testing.assert_close(example["prompt_embeds"][example["is_prompt"] == 1], artifact.tensors["prompt.0"])


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
