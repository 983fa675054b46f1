"""Load a backbone, frozen, and prove that a prompt reaches every layer. Knows nothing of prompts, tasks or trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

import torch
from torch import nn

from ptune.backbone import deberta
from ptune.backbone.backbone import Backbone, Shape
from ptune.backbone.checkpoint import LoadedCheckpoint, read_checkpoint
from ptune.backbone.families import Family
from ptune.backbone.hashes import settings_hashes
from ptune.backbone.inject import IMPLEMENTATION, Prefix, number_layers
from ptune.backbone.joined import JoinedLayers
from ptune.backbone.layers import Layers
from ptune.backbone.locate import locate
from ptune.backbone.own_code import code_hashes
from ptune.backbone.profile import read_profile
from ptune.backbone.spread import let_states_travel
from ptune.backbone.staged import StagedLayers
from ptune.errors import BackboneError
from ptune.spec.quantization import Quantization


def load_backbone(
    backbone_id: str,
    revision: str | None = None,
    dtype: str = "float32",
    device: str = "cpu",
    lm: bool = False,
    shared: int = 0,
    *,
    gpus: int = 1,
    quantization: Quantization | None = None,
    trust: bool | None = None,
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
        quantization: how the matrices of its layers are quantized, see `ptune.backbone.quantize`; each process has its
            own. None leaves them whole.
        gpus: over how many devices of that kind its layers are spread, see `ptune.backbone.spread`.
        trust: see `ptune.backbone.own_code.check_code`.

    Raises:
        BackboneError: it is not there, its family cannot take a prompt, its checkpoint is incomplete, it has no
            language-modelling head and `lm` asks for one, or it cannot be quantized here.
    """
    folder = locate(backbone_id, revision, code=bool(trust))
    profile = read_profile(folder, backbone_id, trust=trust)
    profile.check_weights()
    family = profile.family
    devices = _devices(device, gpus)
    checkpoint = read_checkpoint(
        folder,
        backbone_id,
        family,
        chosen_type(dtype, device),
        lm,
        shared,
        devices=devices,
        trust=profile.trust,
        quantized=quantization is not None,
    )
    settings = settings_hashes(folder) | (code_hashes(folder) if trust else {})
    backbone = assemble(checkpoint, family, backbone_id, profile.weights_hash, devices, settings)
    return replace(backbone, quantization=quantization)


def assemble(
    checkpoint: LoadedCheckpoint,
    family: Family,
    backbone_id: str,
    weights_hash: str,
    devices: Sequence[torch.device],
    settings: Mapping[str, str],
) -> Backbone:
    """A backbone of modules that are there: frozen, on its devices, with a prompt proven to reach every layer.

    Raises:
        BackboneError: a prompt does not reach it.
    """
    model = checkpoint.model
    shape = _shape(model, family, [checkpoint.pooler, checkpoint.language_head])
    _open_to_prefixes(model, shape, backbone_id)
    backbone = Backbone(
        id=backbone_id,
        hash=weights_hash,
        model=model,
        tokenizer=checkpoint.tokenizer,
        family=family,
        shape=shape,
        pooler=checkpoint.pooler,
        language_head=checkpoint.language_head,
        first_position=family.first_position(model.config.pad_token_id),
        device=devices[0],
        layers=_layers(model, family),
        settings=settings,
        spread=tuple(devices) if len(devices) > 1 else (),
    )
    modules = backbone.module_dict().requires_grad_(False).eval()
    if backbone.spread:
        let_states_travel(model, _layers_path(family, backbone_id), devices[0])
    else:
        modules.to(devices[0])
    _check_tokens(backbone)
    _prove_reach(backbone)
    return backbone


def _devices(device: str, gpus: int) -> tuple[torch.device, ...]:
    if gpus == 1 or device == "cpu":
        return (torch.device(device),) * gpus
    return tuple(torch.device(f"{device}:{number}") for number in range(gpus))


def _layers_path(family: Family, backbone_id: str) -> str:
    if family.layers is None:
        raise BackboneError(f"{backbone_id}: it runs as a whole, so its layers cannot be spread over several devices")
    return family.layers


def _layers(model: Any, family: Family) -> Layers | None:
    if family.layers is None or (family.staged and model.config.is_decoder):
        return None
    if family.staged:
        return StagedLayers(model)
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


def chosen_type(name: str, device: str) -> torch.dtype:
    """The type that a job's `backbone.dtype` stands for on a device, `cpu` or `cuda`."""
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


def _check_tokens(backbone: Backbone) -> None:
    """Refuse a tokenizer that gives texts tokens which the backbone does not embed; spare ones may lie beyond them."""
    model: Any = backbone.model
    tokenizer: Any = backbone.tokenizer
    used = {tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.eos_token_id}
    spare = tokenizer.added_tokens_decoder.keys() - used
    tokens = ((token, number) for token, number in tokenizer.get_vocab().items() if number not in spare)
    token, number = max(tokens, key=itemgetter(1), default=("", -1))
    embedded = len(model.get_input_embeddings().weight)
    if number >= embedded:
        raise BackboneError(
            f"{backbone.id}: its tokenizer gives {token!r} the number {number}, and it embeds {embedded} tokens"
        )


def _prove_reach(backbone: Backbone) -> None:
    """Run one token and count the attention calls: a layer that asks for no prefix would train nothing, silently."""
    probe = Prefix(layers=[])
    states = backbone.probe(probe)
    if not states.isfinite().all():
        raise BackboneError(f"{backbone.id}: its weights are damaged, they make a hidden state that is not finite")
    if probe.calls != backbone.shape.layers:
        raise BackboneError(
            f"{backbone.id}: a prompt reaches {probe.calls} attention calls, but it has {backbone.shape.layers} layers"
        )
