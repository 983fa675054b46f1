"""Tiny random backbones, one for every family: real configurations and tokenizers, a few thousand weights."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

from ptune.backbone.families import FAMILIES
from ptune.backbone.language import CLASSES

_SENTENCE = "red green blue cold warm loud quiet sweet bitter plain round flat old new long short"
WORDS = _SENTENCE.split()
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-"

BERT_SPECIALS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
ROBERTA_SPECIALS = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>"}
LLAMA_SPECIALS = {"unk": "<unk>", "bos": "<s>", "eos": "</s>"}
T5_SPECIALS = {"pad": "<pad>", "eos": "</s>", "unk": "<unk>"}
GPT2_SPECIALS = {"eos": "<|endoftext|>"}


@dataclass(frozen=True)
class Tiny:
    """How one family's tiny backbone is made.

    Attributes:
        frame: template of one and of two texts in tokenizers' notation; None is a byte-level tokenizer without any.
        types: whether its tokenizer gives token types.
    """

    specials: dict[str, str]
    frame: tuple[str, str] | None
    config: dict[str, Any] = field(default_factory=dict)
    types: bool = False


_SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 80,
    "initializer_range": 0.2,
}
_GROUPED = {**_SIZES, "num_key_value_heads": 2, "pad_token_id": None, "bos_token_id": 1, "eos_token_id": 2}
_BERT = Tiny(
    BERT_SPECIALS, ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"), {**_SIZES, "pad_token_id": 0}, types=True
)
_ROBERTA = Tiny(
    ROBERTA_SPECIALS,
    ("<s> $A </s>", "<s> $A </s> </s> $B </s>"),
    {
        **_SIZES,
        "max_position_embeddings": 82,
        "type_vocab_size": 1,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
    },
)
_CLASS_AND_END = ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]")
_LLAMA = Tiny(LLAMA_SPECIALS, ("<s> $A", "<s> $A <s> $B:1"), _GROUPED)
_QWEN = Tiny(GPT2_SPECIALS, None, {**_GROUPED, "bos_token_id": 0, "eos_token_id": 0, "head_dim": 8})
_DEBERTA = {
    **_SIZES,
    "pad_token_id": 0,
    "relative_attention": True,
    "pos_att_type": "c2p|p2c",
    "position_biased_input": False,
    "type_vocab_size": 0,
}
_NEOX = Tiny(GPT2_SPECIALS, None, {**_SIZES, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": None})
_GEMMA = Tiny(
    LLAMA_SPECIALS,
    _LLAMA.frame,
    {**_GROUPED, "head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 64, "final_logit_softcapping": 2.0},
)

_T5 = Tiny(
    T5_SPECIALS,
    ("$A </s>", "$A </s> $B </s>"),
    {
        "d_model": 32,
        "d_kv": 6,
        "d_ff": 48,
        "num_layers": 2,
        "num_decoder_layers": 3,
        "num_heads": 4,
        "relative_attention_num_buckets": 8,
        "relative_attention_max_distance": 12,
        "initializer_factor": 1.0,
        "decoder_start_token_id": 0,
    },
)
_BART = Tiny(
    ROBERTA_SPECIALS,
    _ROBERTA.frame,
    {
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 3,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 48,
        "decoder_ffn_dim": 48,
        "max_position_embeddings": 80,
        "init_std": 0.2,
        "scale_embedding": True,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
        "forced_eos_token_id": 2,
    },
)

TINY: dict[str, Tiny] = {
    "t5": _T5,
    "mt5": Tiny(_T5.specials, _T5.frame, {**_T5.config, "tie_word_embeddings": False}),
    "umt5": _T5,
    "bart": _BART,
    "mbart": _BART,
    "pegasus": _BART,
    "marian": _BART,
    "bert": _BERT,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "electra": Tiny(_BERT.specials, _BERT.frame, {**_BERT.config, "embedding_size": 16}, types=True),
    "albert": Tiny(_BERT.specials, _BERT.frame, {**_BERT.config, "embedding_size": 16}, types=True),
    "distilbert": Tiny(
        BERT_SPECIALS,
        ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]"),
        {
            "dim": 32,
            "n_layers": 3,
            "n_heads": 4,
            "hidden_dim": 48,
            "max_position_embeddings": 80,
            "pad_token_id": 0,
            "initializer_range": 0.2,
        },
    ),
    "modernbert": Tiny(
        BERT_SPECIALS,
        ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]"),
        {
            **_SIZES,
            "num_hidden_layers": 4,
            "global_attn_every_n_layers": 3,
            "local_attention": 8,
            "pad_token_id": 0,
            "cls_token_id": 2,
            "sep_token_id": 3,
            "bos_token_id": 2,
            "eos_token_id": 3,
        },
    ),
    "gpt2": Tiny(
        GPT2_SPECIALS,
        None,
        {
            "n_embd": 32,
            "n_layer": 3,
            "n_head": 4,
            "n_positions": 80,
            "bos_token_id": 0,
            "eos_token_id": 0,
            "initializer_range": 0.2,
        },
    ),
    "ernie": _BERT,
    "layoutlm": _BERT,
    "xlm-roberta-xl": _ROBERTA,
    "data2vec-text": _ROBERTA,
    "roberta-prelayernorm": _ROBERTA,
    "xmod": Tiny(
        _ROBERTA.specials,
        _ROBERTA.frame,
        {**_ROBERTA.config, "languages": ["en_XX", "ko_KR"], "default_language": "ko_KR"},
    ),
    "eurobert": Tiny(
        BERT_SPECIALS,
        _CLASS_AND_END,
        {**_GROUPED, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "mask_token_id": 4},
    ),
    "nomic_bert": Tiny(_BERT.specials, _BERT.frame, _BERT.config, types=True),
    "jina_embeddings_v3": _ROBERTA,
    "deberta": Tiny(BERT_SPECIALS, _CLASS_AND_END, {**_DEBERTA, "max_relative_positions": 8}),
    "deberta-v2": Tiny(
        BERT_SPECIALS,
        _CLASS_AND_END,
        {
            **_DEBERTA,
            "max_relative_positions": 40,
            "position_buckets": 8,
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
            "conv_kernel_size": 3,
            "conv_act": "gelu",
        },
    ),
    "opt": Tiny(
        GPT2_SPECIALS,
        None,
        {
            "hidden_size": 32,
            "word_embed_proj_dim": 24,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "ffn_dim": 48,
            "max_position_embeddings": 80,
            "init_std": 0.2,
            "pad_token_id": 0,
            "bos_token_id": 0,
            "eos_token_id": 0,
        },
    ),
    "gpt_neox": _NEOX,
    "phi": Tiny(GPT2_SPECIALS, None, {**_QWEN.config, "partial_rotary_factor": 0.5}),
    "phi3": _QWEN,
    "olmo2": _QWEN,
    "granite": Tiny(GPT2_SPECIALS, None, {**_QWEN.config, "embedding_multiplier": 3.0, "logits_scaling": 2.0}),
    "starcoder2": _QWEN,
    "gemma": _GEMMA,
    "gemma2": Tiny(_GEMMA.specials, _GEMMA.frame, {**_GEMMA.config, "attn_logit_softcapping": 1.0}),
    "gemma3_text": _GEMMA,
    "llama": _LLAMA,
    "mistral": Tiny(_LLAMA.specials, _LLAMA.frame, {**_GROUPED, "sliding_window": None}),
    "qwen2": _QWEN,
    "qwen3": _QWEN,
}


def make_backbone(
    family: str, folder: Path, seed: int = 0, model: dict[str, Any] | None = None, lm: bool = False, **changes: Any
) -> Path:
    """Write a tiny random backbone of `family` to `folder`: config, tokenizer and safetensors weights.

    Args:
        family: a key of `TINY`.
        folder: where to write it.
        seed: seed of the weights.
        lm: with a language-modelling head.
        model: arguments of the model's class, such as `add_pooling_layer`.
        changes: settings of the config that differ from the family's in `TINY`.
    """
    tiny = TINY[family]
    tokenizer = _tokenizer(tiny)
    config = AutoConfig.for_model(family, **{"vocab_size": len(tokenizer), **tiny.config, **changes})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        kind = CLASSES[FAMILIES[family].reads] if lm else AutoModel
        made = kind.from_config(config, **(model or {}))
        _unsettle(made)
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _unsettle(model: torch.nn.Module) -> None:
    """Give biases and norms values, too, so that leaving one out would show."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))


def _tokenizer(tiny: Tiny) -> PreTrainedTokenizerFast:
    """Words of `WORDS` are one token each; any other word is spelled in letters or bytes."""
    tokenizer = _byte_level(tiny.specials) if tiny.frame is None else _word_pieces(tiny)
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    named = {f"{role}_token": token for role, token in tiny.specials.items()}
    if tiny.specials is ROBERTA_SPECIALS:
        named |= {"cls_token": "<s>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_input_names=inputs if tiny.types else [inputs[0], inputs[2]], **named
    )


def _word_pieces(tiny: Tiny) -> Tokenizer:
    pieces = [*tiny.specials.values(), *WORDS, *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=tiny.specials["unk"]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    single, pair = tiny.frame
    special = [(token, vocabulary[token]) for token in tiny.specials.values()]
    tokenizer.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=special)
    return tokenizer


def _byte_level(specials: dict[str, str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=list(specials.values()),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*WORDS, f" {_SENTENCE}"], trainer)
    return tokenizer
