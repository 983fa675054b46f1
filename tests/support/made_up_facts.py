"""A small world of made-up facts, and language models that know them by heart.

People each live, work, were born and went to school in some town: four relations over the same towns, so that a prompt
which does not say which relation is meant cannot find the answer. A fifth, the town they avoid, leads a prompt astray.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

from support.word_tasks import word_tokenizer

PEOPLE = [first + last for first in ("ba", "do", "fi", "gu", "ke", "lo", "mi", "nu") for last in "rstvx"]
TOWNS = [first + last for first in ("am", "er", "il", "or", "um") for last in ("burg", "dorf", "heim", "stad")]
PHRASES = {
    "home": ["lives in", "has a house in", "dwells at"],
    "work": ["works in", "goes daily to", "earns at"],
    "birth": ["was born in", "came originally from", "began at"],
    "study": ["went to school in", "learned a trade in", "studied at"],
    "fear": ["never goes to", "stays away from"],
}
PROBED = ["home", "work", "birth", "study"]
ASIDES = ["indeed", "truly", "so", "well"]
STEPS = 500


def made_facts(seed: int = 3) -> dict[str, dict[str, str]]:
    """The town of each person, for each relation."""
    rng = np.random.default_rng(seed)
    return {relation: dict(zip(PEOPLE, rng.choice(TOWNS, len(PEOPLE)).tolist(), strict=True)) for relation in PHRASES}


def write_facts(folder: Path) -> str:
    """Write each relation's facts as a file of its own and return what a job calls them."""
    for relation, towns in made_facts().items():
        rows = [json.dumps({"sub_label": person, "obj_label": town}) for person, town in towns.items()]
        (folder / f"{relation}.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return str(folder / "{relation}.jsonl")


def sentences() -> list[list[str]]:
    """What the models read: every fact in every phrase, behind up to three words that say nothing."""
    rng = np.random.default_rng(1)
    return [
        [*rng.choice(ASIDES, rng.integers(4)), person, *phrase.split(), town]
        for relation, towns in made_facts().items()
        for person, town in towns.items()
        for phrase in PHRASES[relation]
        for _ in range(2)
    ]


def make_masked(folder: Path) -> Path:
    """Write a BERT that has read the sentences, with towns masked."""
    tokenizer = word_tokenizer(_words())
    torch.manual_seed(1)
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=24, **sizes, **off))
    ids, visible = _padded(tokenizer, [*map(" ".join, sentences())])
    last = visible.sum(1) - 2
    rows = torch.arange(len(ids))
    towns = ids[rows, last]
    masked = ids.clone()
    masked[rows, last] = tokenizer.mask_token_id

    def loss(some):
        states = model(input_ids=masked[some], attention_mask=visible[some]).logits
        return functional.cross_entropy(states[torch.arange(len(some)), last[some]], towns[some])

    return _taught(model, tokenizer, loss, len(ids), folder)


def make_causal(folder: Path) -> Path:
    """Write a GPT-2 that has read the sentences."""
    tokenizer = word_tokenizer(_words(), {"eos": "<end>", "unk": "<unk>"}, None)
    torch.manual_seed(1)
    off = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "bos_token_id": 0, "eos_token_id": 0}
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer), n_embd=64, n_layer=2, n_head=4, n_positions=24, **off)
    )
    ids, visible = _padded(tokenizer, [*map(" ".join, sentences())])
    targets = ids.masked_fill(~visible.bool(), -100)

    def loss(some):
        return model(input_ids=ids[some], attention_mask=visible[some], labels=targets[some]).loss

    return _taught(model, tokenizer, loss, len(ids), folder)


def _taught(model, tokenizer, loss, count: int, folder: Path) -> Path:
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    draws = torch.Generator().manual_seed(0)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * (1 - step / STEPS)
        optimizer.zero_grad()
        loss(torch.randint(count, (128,), generator=draws)).backward()
        optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _padded(tokenizer, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    rows = [tokenizer(text)["input_ids"] for text in texts]
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
    return ids, torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])


def _words() -> list[str]:
    """Everything that the sentences, and a poor prompt, are made of."""
    said = sorted({word for phrases in PHRASES.values() for phrase in phrases for word in phrase.split()})
    return [*PEOPLE, *TOWNS, *ASIDES, *said]
