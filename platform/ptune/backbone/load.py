"""Load a backbone, frozen, with a forward pass that takes a prefix; copy it to tune it.

Knows nothing of prompts, tasks or trials: it turns embeddings and a prefix into hidden states, and those into
features for a head or scores over the vocabulary.

Shapes: B rows · Q positions · E embedding width · H hidden width · R states · V vocabulary.
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import torch
import transformers
from torch import Tensor, nn

from ptune.backbone import deberta
from ptune.backbone.cache import StateCache, default_folder
from ptune.backbone.checkpoint import read_checkpoint
from ptune.backbone.families import Family, family_of
from ptune.backbone.inject import IMPLEMENTATION, Prefix, number_layers
from ptune.backbone.joined import JoinedLayers
from ptune.backbone.language import LanguageHead
from ptune.backbone.locate import locate, read_config, settings_hashes, weights_hash
from ptune.backbone.staged import Layers
from ptune.errors import BackboneError
from ptune.files import value_hash


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
        settings: hashes of its settings and its tokenizer, see `ptune.backbone.locate.settings_hashes`.
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
    layers: Layers | JoinedLayers | None = None
    cache: StateCache | None = None
    checkpointing: Literal["auto", "always", "never"] = "auto"
    settings: Mapping[str, str] = field(default_factory=dict)

    def embed(self, ids: Tensor) -> Tensor:
        """Word embeddings [B, Q, E] of token ids [B, Q]."""
        embedded: Tensor = self.model.get_input_embeddings()(ids)  # type: ignore[operator]
        return embedded * self._scale

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
    ) -> Tensor:
        """Run the transformer over states that join on the way; only where there are `layers`, and see their `run`."""
        assert self.layers is not None, "asked where rows can join only"
        positions, recompute = self._positions(visible, shift), self.checkpointing == "always"
        return self.layers.run(joining, visible, positions, prefix, read, stop, recompute=recompute)

    def saving(self) -> Backbone | None:
        """The same backbone, keeping less for a backward pass; None where it may not, cannot, or does so already."""
        if self.layers is None or self.checkpointing != "auto":
            return None
        return replace(self, checkpointing="always")

    @cached_property
    def computes(self) -> str:
        """What decides hidden states besides tokens: weights, settings, type, device, and the libraries' versions."""
        return value_hash(
            [
                self.hash,
                json.loads(self.model.config.to_json_string(use_diff=False)),  # type: ignore[union-attr, operator]
                str(self.dtype),
                self.device.type,
                torch.__version__,
                transformers.__version__,
            ]
        )

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
            positions = positions.clamp(max=self.first_position + self.shape.max_positions - 1)  # only padding is cut
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
        return {"decoder_inputs_embeds": shifted / self._scale, "decoder_attention_mask": visible}

    @property
    def _scale(self) -> float:
        """What Pegasus and Marian multiply word embeddings by: in the encoder those of ids, in the decoder all."""
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
        """A copy with weights of its own, all open to training; weights that are tied stay tied.

        In float32: a step of a small rate is less than the distance between two neighbours in bfloat16.
        """
        parts = copy.deepcopy(self.parts()).float().requires_grad_(True)
        named = dict(parts.named_children())
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
        return self.parts().named_parameters()

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters of `named_parameters`."""
        return self.parts().parameters()

    def keeping(self, budget: int) -> Backbone:
        """The same backbone with a cache of hidden states, of at most `budget` bytes on this node; 0 keeps none."""
        return replace(self, cache=StateCache(default_folder(), budget) if budget > 0 else None)

    @contextlib.contextmanager
    def training_mode(self, on: bool = True) -> Iterator[None]:
        """Run with the backbone's own dropout, drawn from torch's global random state; off again at the end."""
        parts = self.parts()
        parts.train(on)
        try:
            yield
        finally:
            parts.eval()

    def parts(self) -> nn.ModuleDict:
        """Transformer, pooler and language-modelling head, those that there are."""
        parts = {"model": self.model, "pooler": self.pooler, "language_head": self.language_head}
        return nn.ModuleDict({name: part for name, part in parts.items() if part is not None})


def load_backbone(
    backbone_id: str,
    revision: str | None = None,
    dtype: str = "float32",
    device: str = "cpu",
    lm: bool = False,
    shared: int = 0,
) -> Backbone:
    """Load a backbone from the package, a folder or the Hub, freeze it, and prove that a prompt reaches every layer.

    Args:
        backbone_id: see `ptune.backbone.locate.locate`.
        revision: Hub branch, tag or commit.
        dtype: `float32`, `bfloat16`, or `auto`: bfloat16 on GPUs and CPUs that multiply it, else float32.
        device: `cpu` or `cuda`.
        lm: with its language-modelling head, for `Backbone.vocabulary`; a pooler is left out then.
        shared: most bytes of this node's disk for weights in another type than the checkpoint's, which processes on
            its CPUs share; 0 converts in memory.

    Raises:
        BackboneError: it is not there, its family cannot take a prompt, its checkpoint is incomplete, or it has no
            language-modelling head and `lm` asks for one.
    """
    folder = locate(backbone_id, revision)
    config = read_config(folder)
    family = family_of(str(config.get("model_type")), backbone_id)
    if unstated := [setting for setting in family.states if config.get(setting) is None]:
        raise BackboneError(f"{backbone_id}: its config.json must state {', '.join(unstated)}")
    found = read_checkpoint(folder, backbone_id, family, _dtype(dtype, device), lm, shared if device == "cpu" else 0)
    model = found.model
    shape = _shape(model, family, [found.pooler, found.language_head])
    _open_to_prefixes(model, shape, backbone_id)
    backbone = Backbone(
        id=backbone_id,
        hash=weights_hash(folder),
        model=model,
        tokenizer=found.tokenizer,
        family=family,
        shape=shape,
        pooler=found.pooler,
        language_head=found.language_head,
        first_position=family.first_position(model.config.pad_token_id),
        device=torch.device(device),
        layers=_layers(model, family),
        settings=settings_hashes(folder),
    )
    backbone.parts().requires_grad_(False).eval().to(device)
    _prove_reach(backbone)
    return backbone


def _layers(model: Any, family: Family) -> Layers | JoinedLayers | None:
    if family.layers is None or (family.staged and model.config.is_decoder):
        return None
    if family.staged:
        return Layers(model)
    return JoinedLayers(model, family.layers, types=family.types, cached=family.reads == "last")


def _open_to_prefixes(model: Any, shape: Shape, backbone_id: str) -> None:
    """Let every attention call of a model ask for its layer's prefix, and none be left out at random."""
    for module in model.modules():
        if hasattr(module, "layerdrop"):
            module.layerdrop = 0.0
    if shape.encoder_layers is not None:
        _check_alike(model, shape, backbone_id)
        number_layers(model, shape.encoder_layers)
    if model.config.model_type in ("deberta", "deberta-v2"):
        deberta.open_to_prefixes(model)
        return
    model.set_attn_implementation(IMPLEMENTATION)
    if model.config._attn_implementation != IMPLEMENTATION:  # noqa: SLF001 - transformers only warns when it refuses
        raise BackboneError(f"{backbone_id}: its attention does not go through transformers' attention interface")


def _check_alike(model: Any, shape: Shape, backbone_id: str) -> None:
    """Refuse an encoder-decoder whose stacks cannot hold one prompt or read one kind of embeddings."""
    heads = getattr(model.config, "decoder_attention_heads", shape.kv_heads)
    if heads != shape.kv_heads:
        raise BackboneError(
            f"{backbone_id}: its encoder has {shape.kv_heads} attention heads and its decoder {heads}; "
            "one prompt fits both only where they have as many"
        )
    if model.encoder.get_input_embeddings().weight is not model.decoder.get_input_embeddings().weight:
        raise BackboneError(f"{backbone_id}: its encoder and decoder must share their word embeddings")


def best_device() -> str:
    """`cuda` when there is a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _dtype(name: str, device: str) -> torch.dtype:
    if name == "auto":
        return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]


def _multiplies_bfloat16(device: str) -> bool:
    """Whether a device has instructions for matrix products in bfloat16: tensor cores, AMX, or AVX-512 BF16."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())  # noqa: SLF001 - no public one


def _shape(model: Any, family: Family, heads_on_top: list[nn.Module | None]) -> Shape:
    config = model.config
    heads = config.num_attention_heads
    modules = nn.ModuleList(module for module in (model, *heads_on_top) if module is not None)
    limit, layers, encoder_layers = None, config.num_hidden_layers, None
    if family.positions in ("absolute", "roberta", "fixed") or getattr(config, "position_biased_input", False):
        limit = config.max_position_embeddings - family.first_position(config.pad_token_id)
    if family.reads == "decoder":
        encoder_layers = layers
        layers += getattr(config, "decoder_layers", None) or config.num_decoder_layers
    return Shape(
        layers=layers,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_width=getattr(config, "head_dim", None) or config.hidden_size // heads,
        hidden=getattr(config, "word_embed_proj_dim", None) or config.hidden_size,  # OPT projects back at the end
        embedding=model.get_input_embeddings().embedding_dim,
        max_positions=limit,
        parameters=sum(parameter.numel() for parameter in modules.parameters()),
        encoder_layers=encoder_layers,
    )


def _prove_reach(backbone: Backbone) -> None:
    """Run one token and count the attention calls: a layer that asks for no prefix would train nothing, silently."""
    one = torch.ones((1, 1), dtype=torch.long, device=backbone.device)
    probe = Prefix(layers=[])
    with torch.inference_mode():
        backbone.forward(backbone.embed(one), one.bool(), one * 0, one[:, 0] * 0, probe)
    if probe.calls != backbone.shape.layers:
        raise BackboneError(
            f"{backbone.id}: a prompt reaches {probe.calls} attention calls, but it has {backbone.shape.layers} layers"
        )
