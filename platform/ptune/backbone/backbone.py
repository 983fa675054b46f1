"""A backbone: a transformer with a forward pass that takes a prefix. Knows nothing of prompts, tasks or trials.

It turns embeddings and a prefix into hidden states, and those into features for a head or scores over the vocabulary.

Shapes: B rows · Q positions · E embedding width · H hidden width · R states · V vocabulary.
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import tokenizers
import torch
import transformers
from torch import Tensor, nn

from ptune.backbone.cache import StateCache
from ptune.backbone.families import Family
from ptune.backbone.inject import Prefix
from ptune.backbone.language import LanguageHead
from ptune.backbone.layers import LayerInputs, Layers
from ptune.backbone.token_attention import Kernel, TokenAttention
from ptune.backbone.unpadding import Unpadding
from ptune.errors import BackboneError
from ptune.files import content_hash, value_hash
from ptune.node_files import NodeFiles, default_folder
from ptune.spec.quantization import Quantization


@dataclass(frozen=True)
class Shape:
    """The sizes of a backbone that prompts and heads depend on."""

    layers: int
    kv_heads: int
    head_width: int
    hidden: int
    embedding: int
    max_positions: int | None
    """Longest input, prompt included, in positions; None where positions are not embedded."""
    parameters: int
    encoder_layers: int | None = None
    """How many of the layers are an encoder's, in an encoder-decoder; they come first."""


@dataclass(frozen=True)
class Backbone:
    """A transformer, ready to run; frozen unless it is a `trainable` copy.

    Attributes:
        pooler: the checkpoint's own pooler, applied to the position a head reads; None when it has none.
        language_head: the checkpoint's own language-modelling head; None unless loaded with `lm`.
        first_position: the position id of a text's first token.
        layers: its layers, before each of which rows can join; None where the family has no such, or the copy is tuned.
        cache: hidden states kept for all that share the frozen weights; None keeps none.
        checkpointing: whether a backward pass runs each of `layers` again instead of keeping all that it computed;
            `auto` may come to do so (`saving`), where memory is short. It draws no random numbers either way, because
            a backbone with dropout of its own runs as a whole.
        spread: the devices over which its layers are spread (`ptune.backbone.spread`), `device` first; none where it
            is all on `device`.
        settings: hashes of its settings and its tokenizer, see `ptune.backbone.hashes.settings_hashes`.
        compiled: whether its layers are compiled, see `ptune.backbone.compiled`.
        unpadded: whether its layers compute on tokens without padding, see `ptune.backbone.unpadding`.
        kernel: what attends to tokens there, see `ptune.backbone.varlen`; None lets attention take rows.
        quantization: how the matrices of its layers are quantized, see `ptune.backbone.quantize`; None is not at all.
    """

    id: str
    hash: str
    model: nn.Module
    tokenizer: Any
    family: Family
    shape: Shape
    pooler: nn.Module | None
    language_head: LanguageHead | None
    first_position: int
    device: torch.device
    layers: Layers | None = None
    cache: StateCache | None = None
    checkpointing: Literal["auto", "always", "never"] = "auto"
    settings: Mapping[str, str] = field(default_factory=dict)
    compiled: bool = False
    unpadded: bool = False
    kernel: Kernel | None = None
    quantization: Quantization | None = None
    spread: tuple[torch.device, ...] = ()

    def embed(self, ids: Tensor) -> Tensor:
        """Word embeddings [B, Q, E] of token ids [B, Q]."""
        embedded: Tensor = self.model.get_input_embeddings()(ids)  # type: ignore[operator]
        return embedded * self.scale

    def forward(
        self,
        embeds: Tensor,
        visible: Tensor,
        types: Tensor,
        shift: Tensor,
        prefix: Prefix | None = None,
        targets: Tensor | None = None,
        targets_visible: Tensor | None = None,
    ) -> Tensor:
        """Run the transformer.

        Args:
            embeds: [B, Q, E] input embeddings.
            visible: [B, Q] True for tokens, False for padding (on the right).
            types: [B, Q] token type ids; ignored by families that have none.
            shift: [B] positions that a row's prompt takes before its text; ignored by families that do not shift.
            prefix: keys and values before the text's, by layer.
            targets: [B, D] token ids that an encoder-decoder's decoder is given, from `decoder_start` on; without
                them it is given the input itself after `decoder_start`, as in transformers' classifiers.
            targets_visible: [B, D] True for tokens; all of them unless given.

        Returns:
            The last hidden states [B, Q, H] in float32; [B, D, H] when there are targets.
        """
        arguments: dict[str, Any] = {"attention_mask": visible}
        if self.family.reads == "decoder":
            arguments |= self._decoder_inputs(embeds, visible, targets, targets_visible)
        else:
            arguments["position_ids"] = self._positions(embeds, shift)
        if self.family.types:
            arguments["token_type_ids"] = self._known_types(types)
        if self.family.reads != "first":
            arguments["use_cache"] = False
        output = self.model(inputs_embeds=embeds, ptune_prefix=prefix, **arguments)
        hidden: Tensor = output.last_hidden_state
        return hidden.float()

    def probe(self, prefix: Prefix) -> Tensor:
        """Hidden states [1, 1, H] of a single token, for what a prefix sees of the pass."""
        ids = torch.ones((1, 1), dtype=torch.long, device=self.device)
        with torch.inference_mode():
            return self.forward(self.embed(ids), ids.bool(), ids * 0, ids[:, 0] * 0, prefix)

    def begin(self, embeds: Tensor, types: Tensor, shift: Tensor) -> Tensor:
        """What the first layer is given, [B, Q, H]; only where there are `layers`."""
        assert self.layers is not None, "asked where rows can join only"
        return self.layers.embed(embeds, self._positions(embeds, shift), self._known_types(types))

    def run(
        self,
        joining: Mapping[int, Tensor],
        visible: Tensor,
        shift: Tensor,
        prefix: Prefix | None = None,
        read: Tensor | None = None,
        stop: int | None = None,
        unpadding: Unpadding | None = None,
    ) -> Tensor:
        """Run the transformer over states that join on the way; see `LayerInputs`; `layers` must not be None."""
        assert self.layers is not None, "asked where rows can join only"
        positions, recompute = self._positions(visible, shift), self.checkpointing == "always"
        return self.layers.run(LayerInputs(joining, visible, positions, prefix, read, stop, recompute, unpadding))

    @property
    def config(self) -> Mapping[str, Any]:
        """What its `config.json` states, with the defaults of transformers."""
        config: Any = self.model.config
        settings: Mapping[str, Any] = config.to_dict()
        return settings

    def unpadding(self, lengths: Sequence[int], width: int) -> Unpadding | None:
        """How the tokens of rows of these lengths lie, padded to `width`; None where the layers take rows."""
        is_full = self.kernel is None and min(lengths) == width  # attention would gain nothing, and takes rows
        if is_full or not self.unpadded:
            return None
        unpadding = Unpadding.of(lengths, width, self.device)
        if self.kernel is None:
            return unpadding
        return TokenAttention.over(unpadding, self.kernel, causal=self.family.reads == "last")

    def saving(self) -> Backbone | None:
        """The same backbone, keeping less for a backward pass; None where it may not, cannot, or does so already."""
        if self.layers is None or self.checkpointing != "auto":
            return None
        return replace(self, checkpointing="always")

    @cached_property
    def forward_hash(self) -> str:
        """A hash of all that decides hidden states besides tokens: weights, settings, type, device, code, libraries."""
        return value_hash(
            [
                self.hash,
                self.settings.get("config.json"),
                _own_code(),
                str(self.dtype),
                self.quantization,
                self.compiled,
                self.device.type,
                torch.__version__,
                transformers.__version__,
            ]
        )

    @property
    def devices(self) -> tuple[torch.device, ...]:
        """All devices that hold some of it, `device` first."""
        return self.spread or (self.device,)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights and of hidden states."""
        return next(self.model.parameters()).dtype

    def _known_types(self, types: Tensor) -> Tensor:
        """Token types that the model embeds; a tokenizer may tell more segments apart (BERT's, on RoBERTa weights)."""
        return types.clamp(max=getattr(self.model.config, "type_vocab_size", 1) - 1)

    def _positions(self, inputs: Tensor, shift: Tensor) -> Tensor:
        """Position ids [B, Q] of inputs [B, Q, ...]."""
        positions = self.first_position + shift[:, None] + torch.arange(inputs.shape[1], device=inputs.device)
        if self.shape.max_positions is not None:
            # A row that fits may lie in a wider stack; its padding would ask for positions that are not there.
            positions = positions.clamp(max=self.first_position + self.shape.max_positions - 1)
        return positions

    def _decoder_inputs(
        self, embeds: Tensor, visible: Tensor, targets: Tensor | None, targets_visible: Tensor | None
    ) -> dict[str, Tensor]:
        """What an encoder-decoder's decoder is given: targets, or the input behind the start token."""
        if targets is not None:
            seen = torch.ones_like(targets, dtype=torch.bool) if targets_visible is None else targets_visible
            return {"decoder_input_ids": targets, "decoder_attention_mask": seen}
        start = self.embed(torch.full_like(visible[:, :1], self.decoder_start, dtype=torch.long))
        shifted = torch.cat([start.to(embeds), embeds[:, :-1]], dim=1)
        # `embed` has scaled them, and the decoder scales the embeddings it is given once more.
        return {"decoder_inputs_embeds": shifted / self.scale, "decoder_attention_mask": visible}

    @property
    def scale(self) -> float:
        """The factor that word embeddings are multiplied by (Pegasus, Marian).

        The model applies it to ids in the encoder, and to ids and embeddings in the decoder.
        """
        scale: float = getattr(getattr(self.model, "decoder", None), "embed_scale", 1.0)
        return scale

    @property
    def decoder_start(self) -> int:
        """The id of the token that an encoder-decoder's decoder is given first."""
        config: Any = self.model.config
        return int(config.decoder_start_token_id)

    def pooled(self, states: Tensor) -> Tensor:
        """Hidden states [R, H] through the checkpoint's own pooler; as they are, if it has none."""
        if self.pooler is None:
            return states
        pooled: Tensor = self.pooler(states.to(next(self.pooler.parameters()).dtype))
        return pooled.float()

    def vocabulary(self, states: Tensor) -> Tensor:
        """Scores [R, V] in float32 over the vocabulary, of last hidden states [R, H], by the backbone's own head.

        Raises:
            BackboneError: the backbone was loaded without its language-modelling head.
        """
        if self.language_head is None:
            raise BackboneError(f"{self.id} was loaded without its language-modelling head (load it with lm=True)")
        scores: Tensor = self.language_head(states)
        return scores

    @property
    def mask_token(self) -> int | None:
        """The id of the token that a masked language model fills in; None where there is none."""
        token: int | None = self.tokenizer.mask_token_id
        return token

    def trainable(self) -> Backbone:
        """A copy with weights of its own, all open to training; weights that are tied stay tied. None are quantized.

        The copy is in float32: a step of a small rate is less than the distance between two neighbours in bfloat16.
        """
        assert self.quantization is None, "a law refuses it (ptune.spec.quantization)"
        assert not self.spread, "a law refuses it (ptune.checks.spread)"
        copied = copy.deepcopy(self.module_dict()).float().requires_grad_(True)
        named = dict(copied.named_children())
        return replace(
            self,
            model=named["model"],
            pooler=named.get("pooler"),
            language_head=named.get("language_head"),  # type: ignore[arg-type]
            layers=None,
            cache=None,
        )

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Every parameter of transformer, pooler and language-modelling head; tied ones once."""
        return self.module_dict().named_parameters()

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters of `named_parameters`."""
        return self.module_dict().parameters()

    @property
    def files(self) -> NodeFiles | None:
        """What this node keeps for all that read with the same tokenizer, or run the same weights."""
        return None if self.cache is None else self.cache.files

    @cached_property
    def tokenizer_hash(self) -> str | None:
        """A hash of all that decides the tokens of a text: the tokenizer's rules and the libraries' versions.

        None for a tokenizer that is Python code, which no hash describes.
        """
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is None:
            return None
        settings = json.loads(backend.to_str())
        per_call = ("padding", "truncation")  # every call sets them anew
        rules = {name: value for name, value in settings.items() if name not in per_call}
        return value_hash([rules, tokenizers.__version__, transformers.__version__])

    def with_cache(self, budget: int) -> Backbone:
        """The same backbone with a cache of hidden states, of at most `budget` bytes on this node; 0 keeps none."""
        return replace(self, cache=StateCache(default_folder(), budget) if budget > 0 else None)

    @contextlib.contextmanager
    def training_mode(self) -> Iterator[None]:
        """Run with the backbone's own dropout, drawn from torch's global random state; off again at the end.

        Nothing is compiled meanwhile, because compiled code draws from a state of its own.
        """
        modules = self.module_dict()
        modules.train()
        try:
            with torch.compiler.set_stance("force_eager") if self.compiled else contextlib.nullcontext():
                yield
        finally:
            modules.eval()

    def module_dict(self) -> nn.ModuleDict:
        """The transformer and, where the backbone has them, its pooler and its language-modelling head."""
        modules = {"model": self.model, "pooler": self.pooler, "language_head": self.language_head}
        return nn.ModuleDict({name: module for name, module in modules.items() if module is not None})


@cache
def _own_code() -> str:
    """What decides, beside transformers, how a backbone of some weights runs: the modules of this folder."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return value_hash({file.name: content_hash(file) for file in files})
