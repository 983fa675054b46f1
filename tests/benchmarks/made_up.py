"""Backbones of real shapes with random weights, and sentences of made-up words. Nothing is read from a disk.

How fast a pass is does not depend on what the weights are. A made-up word is one token.
"""

from __future__ import annotations

import random
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

from ptune.backbone.backbone import Backbone
from ptune.backbone.checkpoint import LoadedCheckpoint
from ptune.backbone.families import family_of
from ptune.backbone.load import assemble

WORDS = 1_000


def _bert(layers: int, hidden: int, heads: int, vocabulary: int = 30_522) -> dict[str, Any]:
    return {
        "model_type": "bert",
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * hidden,
        "pad_token_id": 0,
    }


def _llama(layers: int, hidden: int, heads: int, keys: int, inner: int, vocabulary: int = 32_000) -> dict[str, Any]:
    return {
        "model_type": "llama",
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": keys,
        "intermediate_size": inner,
        "max_position_embeddings": 4_096,
        "pad_token_id": 0,
    }


SHAPES = {
    "bert-base": _bert(12, 768, 12),
    "bert-large": _bert(24, 1_024, 16),
    "llama-1b": _llama(16, 2_048, 32, 8, 8_192, vocabulary=128_256),
    "llama-7b": _llama(32, 4_096, 32, 32, 11_008),
}
TINY = {
    "tiny-bert": _bert(2, 32, 4, vocabulary=2_000),
    "tiny-llama": _llama(2, 32, 4, 2, 64, vocabulary=2_000),
}


def config_of(name: str) -> Any:
    """The configuration of a shape, as transformers writes it."""
    settings = {**SHAPES, **TINY}[name]
    rest = {key: value for key, value in settings.items() if key != "model_type"}
    return AutoConfig.for_model(settings["model_type"], **rest)


def made_backbone(name: str, device: str) -> Backbone:
    """A shape with random weights in bfloat16, made on its device."""
    torch.manual_seed(0)
    config = config_of(name)
    family = family_of(config.model_type, name)
    with torch.device(device):
        bare = {"add_pooling_layer": False} if family.pooler else {}
        model = AutoModel.from_config(config, dtype=torch.bfloat16, attn_implementation="eager", **bare)
    return assemble(LoadedCheckpoint(_tokenizer(), model, None, None), family, name, name, [torch.device(device)], {})


def made_sentences(count: int, words: int = 64, fewest: int | None = None) -> list[tuple[str, int]]:
    """Sentences of `fewest` to `words` words, with labels; None is of `words` words all."""
    draw = random.Random(0)
    lengths = [words if fewest is None else draw.randint(fewest, words) for _ in range(count)]
    return [(" ".join(f"w{draw.randrange(WORDS)}" for _ in range(length)), draw.randrange(2)) for length in lengths]


def _tokenizer() -> PreTrainedTokenizerFast:
    """A token for each word, and none beside them."""
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(WORDS))]
    words = Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}, unk_token="[UNK]"))  # type: ignore[call-arg]
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # type: ignore[assignment]
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    return PreTrainedTokenizerFast(tokenizer_object=words, **special)
