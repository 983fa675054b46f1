"""Load a backbone, frozen, with a forward pass that takes a prefix.

Knows nothing of prompts, tasks or trials: it turns embeddings and a prefix into hidden states.

Shapes: B rows · Q positions · E embedding width · H hidden width.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

from ptune.backbone.families import Family, family_of
from ptune.backbone.inject import IMPLEMENTATION, Prefix
from ptune.backbone.locate import locate, read_config, weights_hash
from ptune.errors import BackboneError


@dataclass(frozen=True)
class Shape:
    """The sizes of a backbone that prompts and heads depend on."""

    layers: int
    kv_heads: int
    head_width: int
    hidden: int
    embedding: int
    max_positions: int | None
    """Longest input, prompt included, in positions; None where positions are rotary."""
    parameters: int


@dataclass(frozen=True)
class Backbone:
    """A frozen transformer, ready to run.

    Attributes:
        pooler: the checkpoint's own pooler, applied to the position a head reads; None when it has none.
        first_position: the position id of a text's first token.
    """

    id: str
    hash: str
    model: nn.Module
    tokenizer: Any
    family: Family
    shape: Shape
    pooler: nn.Module | None
    first_position: int
    device: torch.device

    def embed(self, ids: Tensor) -> Tensor:
        """Word embeddings [B, Q, E] of token ids [B, Q]."""
        embedded: Tensor = self.model.get_input_embeddings()(ids)  # type: ignore[operator]
        return embedded

    def forward(
        self, embeds: Tensor, visible: Tensor, types: Tensor, shift: Tensor, prefix: Prefix | None = None
    ) -> Tensor:
        """Run the transformer.

        Args:
            embeds: [B, Q, E] input embeddings.
            visible: [B, Q] True for tokens, False for padding (on the right).
            types: [B, Q] token type ids; ignored by families that have none.
            shift: [B] positions that a row's prompt takes before its text.
            prefix: keys and values before the text's, by layer.

        Returns:
            The last hidden states [B, Q, H] in float32.
        """
        positions = self.first_position + shift[:, None] + torch.arange(embeds.shape[1], device=embeds.device)
        if self.shape.max_positions is not None:
            positions = positions.clamp(max=self.first_position + self.shape.max_positions - 1)  # only padding is cut
        arguments: dict[str, Any] = {"position_ids": positions, "attention_mask": visible}
        if self.family.types:
            # a tokenizer may tell segments apart where the model does not (RoBERTa weights, BERT tokenizer)
            arguments["token_type_ids"] = types.clamp(max=getattr(self.model.config, "type_vocab_size", 1) - 1)
        if self.family.reads == "last":
            arguments["use_cache"] = False
        output = self.model(inputs_embeds=embeds, ptune_prefix=prefix, **arguments)
        hidden: Tensor = output.last_hidden_state
        return hidden.float()

    def pool(self, hidden: Tensor, read: Tensor) -> Tensor:
        """The features [B, H] a head sees: hidden states at positions `read` [B], through the pooler if any."""
        features = hidden[torch.arange(hidden.shape[0], device=hidden.device), read]
        if self.pooler is None:
            return features
        pooled: Tensor = self.pooler(features.to(next(self.pooler.parameters()).dtype))
        return pooled.float()


def load_backbone(
    backbone_id: str, revision: str | None = None, dtype: str = "float32", device: str = "cpu"
) -> Backbone:
    """Load a backbone from the package, a folder or the Hub, freeze it, and prove that a prompt reaches every layer.

    Args:
        backbone_id: see `ptune.backbone.locate.locate`.
        revision: Hub branch, tag or commit.
        dtype: `float32`, `bfloat16`, or `auto`: bfloat16 on GPUs that have it, else float32.
        device: `cpu` or `cuda`.

    Raises:
        BackboneError: it is not there, its family cannot take a prompt, or its checkpoint is incomplete.
    """
    folder = locate(backbone_id, revision)
    family = family_of(str(read_config(folder).get("model_type")), backbone_id)
    tokenizer, model, missing = _read(folder, backbone_id, _dtype(dtype, device))
    pooler = _take_pooler(model, family, backbone_id, missing)
    model.set_attn_implementation(IMPLEMENTATION)
    if model.config._attn_implementation != IMPLEMENTATION:  # noqa: SLF001 - transformers only warns when it refuses
        raise BackboneError(f"{backbone_id}: its attention does not go through transformers' attention interface")
    model.requires_grad_(False).eval().to(device)
    backbone = Backbone(
        id=backbone_id,
        hash=weights_hash(folder),
        model=model,
        tokenizer=tokenizer,
        family=family,
        shape=_shape(model, family, pooler),
        pooler=pooler.to(device) if pooler is not None else None,
        first_position=family.first_position(model.config.pad_token_id),
        device=torch.device(device),
    )
    _prove_reach(backbone)
    return backbone


def best_device() -> str:
    """`cuda` when there is a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _read(folder: Path, backbone_id: str, dtype: torch.dtype) -> tuple[Any, Any, set[str]]:
    """The tokenizer, the model, and the names of weights that the model has and the checkpoint has not."""
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder)
            model, loading = AutoModel.from_pretrained(
                folder, dtype=dtype, use_safetensors=True, output_loading_info=True, attn_implementation="eager"
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise BackboneError(f"{backbone_id} cannot be loaded from {folder}: {error}") from error
    return tokenizer, model, set(loading["missing_keys"])


def _dtype(name: str, device: str) -> torch.dtype:
    if name == "auto":
        native = device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]


def _take_pooler(model: Any, family: Family, backbone_id: str, missing: set[str]) -> nn.Module | None:
    """Detach the checkpoint's pooler; a pooler the checkpoint does not hold would be random, and is dropped."""
    lost = [key for key in missing if not key.startswith("pooler.")]
    if lost:
        raise BackboneError(f"{backbone_id}: the checkpoint lacks weights of the model: {', '.join(sorted(lost)[:5])}")
    pooler = getattr(model, "pooler", None)
    if pooler is None:
        return None
    model.pooler = None
    if missing or not family.pooler:
        return None
    linear = pooler if isinstance(pooler, nn.Linear) else pooler.dense
    return nn.Sequential(linear, nn.Tanh()).requires_grad_(False).eval()


def _shape(model: Any, family: Family, pooler: nn.Module | None) -> Shape:
    config = model.config
    heads = config.num_attention_heads
    modules = [model] if pooler is None else [model, pooler]
    limit = None
    if family.positions != "rotary":
        limit = config.max_position_embeddings - family.first_position(config.pad_token_id)
    return Shape(
        layers=config.num_hidden_layers,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_width=getattr(config, "head_dim", None) or config.hidden_size // heads,
        hidden=config.hidden_size,
        embedding=model.get_input_embeddings().embedding_dim,
        max_positions=limit,
        parameters=sum(p.numel() for module in modules for p in module.parameters()),
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


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' loading report and progress bars off the terminal; what matters is checked above."""
    level = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
