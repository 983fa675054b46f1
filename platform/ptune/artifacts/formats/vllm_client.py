"""Ask a vLLM server with the prompt in this folder. Needs torch, safetensors and transformers.

vllm serve MODEL --enable-prompt-embeds
python client.py http://127.0.0.1:8000 "a text"
"""

from __future__ import annotations

import base64
import io
import json
import statistics
import sys
import urllib.request
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

FOLDER = Path(__file__).parent
Answer = dict[str, Any]
"""What a server says, as JSON."""


class Prompt:
    """The prompt, with the tokenizer and the word embeddings of its model.

    Args:
        model: Hub id or folder of the model; None is the one that the prompt was trained on.
    """

    def __init__(self, model: str | None = None) -> None:
        self.about = json.loads((FOLDER / "input.json").read_text(encoding="utf-8"))
        place = FOLDER / "backbone" if self.about["model"] == "backbone" else self.about["model"]
        self.vectors = load_file(FOLDER / "prompt.safetensors")["prompt"]
        self.tokenizer = AutoTokenizer.from_pretrained(model or place, trust_remote_code=False)
        # The whole model is loaded for its word embeddings; they may be float32 whatever the server's type is.
        self.words = AutoModelForCausalLM.from_pretrained(
            model or place, dtype=torch.float32, trust_remote_code=False
        ).get_input_embeddings()

    def token_ids(self, *texts: str) -> list[int]:
        """The input of some texts: token ids, and -(j + 1) for the prompt's vector j."""
        ids: list[int] = []
        for piece in self.about["pieces"]:
            if "ids" in piece:
                ids += piece["ids"]
            else:
                text = texts[piece["text"]].strip()
                text = stretch(text, *piece["stretch"]) if "stretch" in piece else text
                ids += self.tokenizer(piece["before"] * bool(text) + text, add_special_tokens=False).input_ids
        return ids

    def embeds(self, ids: list[int]) -> torch.Tensor:
        """Prompt embeddings [tokens, hidden] of an input."""
        tokens = torch.tensor(ids)
        with torch.no_grad():
            embeds: torch.Tensor = self.words(tokens.clamp(min=0)).clone()
        is_prompt = tokens < 0
        embeds[is_prompt] = self.vectors[-tokens[is_prompt] - 1]
        return embeds

    def request(self, *texts: str) -> dict[str, object]:
        """The body of a request to /v1/completions."""
        buffer = io.BytesIO()
        torch.save(self.embeds(self.token_ids(*texts)), buffer)
        embeds = base64.b64encode(buffer.getvalue()).decode()
        return {"model": self.about["served_model"], "prompt_embeds": embeds, **self.about["sampling"]}

    def probabilities(self, answer: Answer) -> dict[str, float]:
        """The probability of each label, of which several words may each be scored, from a server's answer."""
        (scored,) = answer["choices"][0]["logprobs"]["top_logprobs"]
        scores = {
            label: statistics.mean(scored[f"token_id:{token}"] for token in tokens)
            for label, tokens in self.about["labels"].items()
        }
        shares = torch.tensor([*scores.values()]).softmax(0).tolist()
        return dict(zip(scores, shares, strict=True))


def stretch(text: str, start: str, end: str) -> str:
    """Some of a text's words, from one edge to another: by their number, or their share such as 50%."""
    words = text.split()
    first, last = (len(words) * int(edge[:-1]) // 100 if edge.endswith("%") else int(edge) for edge in (start, end))
    return " ".join(words[first:last])


def ask(server: str, body: dict[str, object]) -> Answer:
    """The server's answer."""
    request = urllib.request.Request(  # noqa: S310 - the address is the user's own
        f"{server.rstrip('/')}/v1/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        read: Answer = json.load(answer)
        return read


if __name__ == "__main__":
    sys.stdout.write(json.dumps(ask(sys.argv[1], Prompt().request(*sys.argv[2:])), indent=2) + "\n")
