"""What differs between backbone families: where a classifier reads, how positions count, which head is usual.

A table, not classes. A family is listed when a prompt is proven to reach every layer of it; any other backbone is
refused by name before anything starts. Knows no weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ptune.errors import BackboneError, nearest

Activation = Literal["tanh", "gelu", "relu"]


@dataclass(frozen=True)
class Family:
    """How one family of backbones is read and extended.

    Attributes:
        reads: the position a classifier reads: the `first` token ([CLS]), the `last` token (decoders), or the last
            token in the `decoder` of an encoder-decoder.
        positions: `absolute` position embeddings from 0, `roberta` (from padding id + 1), `rotary`, or `relative`
            (distances within the text, which a prompt before it does not change), or `fixed` (from 0 whatever
            comes before the text).
        types: whether the model embeds token types (segments).
        pooler: whether the pretrained checkpoint may carry a pooler, used frozen under the head when it does.
        dense: activation of the trained dense layer that the family's usual head has before its output layer.
        bias: whether the head's output layer has a bias.
        language: how the names of weights begin that only a checkpoint with a language-modelling head has.
        tied: whether that head is the word embeddings themselves, with no weights of its own, unless the config
            says otherwise.
        states: settings that a checkpoint's config must state, because nothing here can choose them.
        layers: where the model holds its layers, if rows can join before each of them (`ptune.backbone.joined`). None
            where the backbone runs as a whole: layers share their weights, they are given the pass in no argument
            (DeBERTa), or there are two stacks (encoder-decoders).
        shared_layers: whether one module serves several depths, so that weights tell nothing of how many there are.
        unpads: whether those layers treat each token alike, whichever row it is of (`ptune.backbone.unpadding`).
        whole: whether attention in those layers is known to be that of whole rows: each token sees all of its row, of a
            decoder's all before it, and nothing but products weighs what it sees (`ptune.backbone.token_attention`).
        window: the setting of a config that narrows this to a sliding window, unless it is off; None where none does.
        staged: whether those layers are BERT's, whose last one can be run where it is read (`ptune.backbone.staged`).
        peft: whether PEFT's prefix tuning works for it (so that an all-layer v2 prompt can be exported to PEFT).
        gated: whether the feed-forward has a third matrix, its gate.
        rms: whether norms compute in float32, whatever the type of the weights.
        norms: how many states of the hidden width a layer's norms keep for the backward pass.
        scores: how many matrices of scores an attention of the model's own keeps for the backward pass.
    """

    reads: Literal["first", "last", "decoder"]
    positions: Literal["absolute", "roberta", "rotary", "relative", "fixed"] = "absolute"
    types: bool = False
    pooler: bool = False
    dense: Activation | None = None
    bias: bool = True
    language: str = "lm_head."
    tied: bool = False
    states: tuple[str, ...] = ()
    peft: bool = False
    layers: str | None = None
    shared_layers: bool = False
    unpads: bool = True
    whole: bool = False
    window: str | None = None
    staged: bool = False
    gated: bool = False
    rms: bool = False
    norms: float = 2
    scores: int = 0

    @property
    def shifts(self) -> bool:
        """Whether a prompt can take positions before the text's."""
        return self.positions not in ("relative", "fixed")

    def sees_rows(self, config: Mapping[str, object]) -> bool:
        """Whether attention is that of whole rows on a backbone with such a `config.json`."""
        is_other = config.get("is_decoder") if self.reads == "first" else config.get("is_causal") is False
        if is_other or not self.whole:
            return False
        if self.window is None:
            return True
        window, types = config.get(self.window, "not stated"), config.get("layer_types", [])
        is_off = window is None or window is False
        return is_off and isinstance(types, list) and all(kind == "full_attention" for kind in types)

    def first_position(self, padding: int | None) -> int:
        """The position id of a text's first token, given the padding token's id; the ids before it are not used."""
        return 0 if self.positions != "roberta" or padding is None else padding + 1


_BERT = Family(
    "first",
    types=True,
    pooler=True,
    language="cls.predictions.",
    peft=True,
    layers="encoder.layer",
    whole=True,
    staged=True,
)
_ROBERTA = replace(_BERT, positions="roberta", pooler=False, dense="tanh", language="lm_head.")
_ELECTRA = replace(_BERT, pooler=False, dense="gelu", language="generator_predictions.")
_DEBERTA = Family("first", positions="relative", types=True, dense="gelu", language="cls.predictions.", scores=3)
_ROTARY = Family("first", positions="rotary", layers="layers", whole=True, gated=True)
_DECODER = Family("last", positions="rotary", bias=False, peft=True, layers="layers", whole=True)
_LLAMA = replace(_DECODER, gated=True, rms=True)
_QWEN = replace(_LLAMA, window="use_sliding_window")
_GEMMA = replace(_LLAMA, tied=True, whole=False)
_GPT2 = replace(_DECODER, tied=True, positions="absolute", layers="h")
_T5 = Family("decoder", positions="relative", tied=True, states=("decoder_start_token_id",), rms=True, scores=1)
_BART = replace(_T5, positions="fixed", dense="tanh", rms=False, scores=0)

FAMILIES: dict[str, Family] = {
    "bert": _BERT,
    "ernie": _BERT,
    "layoutlm": replace(_BERT, peft=False, staged=False),  # read as text: every token lies in the box (0, 0, 0, 0)
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "xlm-roberta-xl": replace(_ROBERTA, staged=False),
    "camembert": _ROBERTA,
    "data2vec-text": _ROBERTA,
    "roberta-prelayernorm": replace(_ROBERTA, staged=False),
    "xmod": replace(_ROBERTA, staged=False, states=("default_language",), unpads=False),
    "electra": _ELECTRA,
    "albert": Family("first", types=True, pooler=True, language="predictions.", shared_layers=True),
    "distilbert": Family("first", dense="relu", language="vocab_transform.", layers="transformer.layer", whole=True),
    "modernbert": replace(_ROTARY, language="decoder.", norms=3, whole=False),
    "eurobert": replace(_ROTARY, dense="gelu", rms=True),
    "nomic_bert": replace(_ROTARY, types=True, language="cls.predictions."),
    "jina_embeddings_v3": replace(_ROTARY, types=True, dense="tanh", gated=False),
    "deberta": _DEBERTA,
    "deberta-v2": _DEBERTA,
    "gpt2": _GPT2,
    "opt": replace(_GPT2, layers="decoder.layers"),
    "gpt_neox": replace(_DECODER, language="embed_out."),
    "llama": _LLAMA,
    "mistral": replace(_LLAMA, window="sliding_window"),
    "qwen2": _QWEN,
    "qwen3": replace(_QWEN, norms=4),
    "phi": replace(_DECODER, norms=1),
    "phi3": replace(_LLAMA, window="sliding_window"),
    "olmo2": replace(_LLAMA, norms=4),
    "granite": replace(_LLAMA, peft=False),  # transformers has no classifier of it,
    "starcoder2": replace(_DECODER, window="sliding_window"),
    "gemma": _GEMMA,
    "gemma2": replace(_GEMMA, norms=3),
    "gemma3_text": replace(_GEMMA, norms=6),
    "t5": _T5,
    "mt5": _T5,
    "umt5": _T5,
    "bart": _BART,
    "mbart": _BART,
    "pegasus": _BART,
    "marian": _BART,
}


def family_of(model_type: str, backbone_id: str) -> Family:
    """Return the family of a `model_type` from a backbone's config.

    Raises:
        BackboneError: prompts are not supported for it; the message lists the families that take one.
    """
    if model_type not in FAMILIES:
        raise BackboneError(
            f"{backbone_id} is a {model_type!r} model, which cannot take a prompt here{nearest(model_type, FAMILIES)} "
            f"(families that can: {', '.join(sorted(FAMILIES))})"
        )
    return FAMILIES[model_type]
