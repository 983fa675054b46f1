"""Read a checkpoint's tokenizer, transformer, pooler and language-modelling head; refuse one that lacks weights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoModel
from transformers.utils import logging as transformers_logging

from ptune.backbone.converted import in_type, stored_type
from ptune.backbone.families import Family
from ptune.backbone.language import CLASSES, LanguageHead, split
from ptune.backbone.quantize import matrices, quantize_layers
from ptune.backbone.spread import places
from ptune.backbone.tokenizer import load_tokenizer
from ptune.errors import BackboneError

_DAMAGED = (OSError, ValueError, RuntimeError, SafetensorError)
"""What transformers and safetensors raise for files that are missing or damaged."""
_SENSELESS = (LookupError, AttributeError, TypeError, ArithmeticError, ImportError, AssertionError)
"""What transformers stumbles over where settings make no sense."""


@dataclass(frozen=True)
class LoadedCheckpoint:
    """The modules that a checkpoint's folder holds. None of their weights are random."""

    tokenizer: Any
    model: Any
    pooler: nn.Module | None
    language_head: LanguageHead | None


@dataclass(frozen=True)
class Reader:
    """How a model is read: the auto class, type and devices of its weights, and whether code of its folder is run.

    `layers` is where its transformer holds the layers that lie on several devices. With `quantized`, the matrices of
    its layers are in 8 bits, see `ptune.backbone.quantize`.
    """

    auto: Any
    dtype: torch.dtype
    devices: Sequence[torch.device]
    trust: bool
    layers: str | None = None
    quantized: bool = False

    def load(self, folder: Path, source: Path) -> tuple[Any, set[str]]:
        """The model that `folder` describes with the weights in `source`, and the names of those it lacks there."""
        config = AutoConfig.from_pretrained(folder, trust_remote_code=self.trust)
        model, loading = self.auto.from_pretrained(
            source,
            config=config,
            dtype=self.dtype,
            use_safetensors=True,
            output_loading_info=True,
            attn_implementation="eager",
            trust_remote_code=self.trust,
        )
        return model, set(loading["missing_keys"])

    def sketch(self, folder: Path) -> Any:
        """The model that `folder` describes, without data."""
        config = AutoConfig.from_pretrained(folder, trust_remote_code=self.trust)
        with torch.device("meta"):
            return self.auto.from_config(config, dtype=self.dtype, trust_remote_code=self.trust)


def read_checkpoint(
    folder: Path,
    backbone_id: str,
    family: Family,
    dtype: torch.dtype,
    lm: bool,
    shared: int = 0,
    *,
    devices: Sequence[torch.device] = (torch.device("cpu"),),
    trust: bool = False,
    quantized: bool = False,
) -> LoadedCheckpoint:
    """Read a backbone's checkpoint onto its devices; with `lm`, its language-modelling head too.

    `shared` is the most bytes of this node's disk for converted weights, see `ptune.backbone.converted.in_type`. On the
    way to another device than the CPU, or to 8 bits, files are mapped, and memory holds one weight at a time. With
    `trust`, code that the folder brings along is run.

    Raises:
        BackboneError: it cannot be loaded, or lacks weights of the model or of the head that is asked for.
    """
    auto = CLASSES[family.reads] if lm else AutoModel
    reader = Reader(auto, dtype, devices, trust, family.layers, quantized)
    tokenizer, model, missing = _read(folder, backbone_id, reader, 0 if trust else shared)
    missing -= _fix_tables(model)
    poolers = {key for key in missing if "pooler." in key}
    of_head = {key for key in missing - poolers if lm and _is_of_head(key, model, family)}
    if lost := sorted(missing - poolers - of_head):
        raise BackboneError(f"{backbone_id}: the checkpoint lacks weights of the model: {', '.join(lost[:5])}")
    if of_head:
        raise BackboneError(
            f"{backbone_id} has no language-modelling head (the checkpoint lacks {', '.join(sorted(of_head)[:3])}); "
            "a verbalizer needs one"
        )
    transformer, language_head = split(model) if lm else (model, None)
    pooler = _detach_pooler(transformer)
    # A pooler that the checkpoint lacks would be random, and a language head reads the states themselves.
    has_pooler = family.pooler and not poolers and not lm
    return LoadedCheckpoint(tokenizer, transformer, pooler if has_pooler else None, language_head)


def _fix_tables(model: nn.Module) -> set[str]:
    """Turn position tables that are computed, not trained, into buffers; return the names of their weights."""
    tables = {name: module for name, module in model.named_modules() if hasattr(module, "create_weight")}
    for module in tables.values():
        weight = module.weight.detach()
        del module.weight
        module.register_buffer("weight", weight, persistent=False)
    return {f"{name}.weight" for name in tables}


def _is_of_head(key: str, model: Any, family: Family) -> bool:
    """Whether a weight of a language model belongs to its head."""
    apart = model.base_model is not model
    return key.startswith(family.language) or (apart and not key.startswith(f"{model.base_model_prefix}."))


def _read(folder: Path, backbone_id: str, reader: Reader, shared: int) -> tuple[Any, Any, set[str]]:
    """The tokenizer, the model, and the names of the model's weights that the checkpoint lacks."""
    with _quiet():
        tokenizer = load_tokenizer(folder, backbone_id, trust=reader.trust)
        try:
            if reader.devices[0].type == "cpu" and not reader.quantized:
                model, missing = _load_shared(folder, reader, shared) or reader.load(folder, folder)
            else:
                model, missing = load_mapped(folder, reader)
        except (*_DAMAGED, *_SENSELESS) as error:
            raise BackboneError(f"{backbone_id} cannot be loaded from {folder}: {_said(error)}") from error
    return tokenizer, model, missing


def _said(error: Exception) -> str:
    """What an error of transformers tells a reader."""
    if "ignore_mismatched_sizes" in str(error):
        return "the shapes of its weights are not those that its config.json states"
    return str(error) if isinstance(error, _DAMAGED) else repr(error)


def _load_shared(folder: Path, reader: Reader, budget: int) -> tuple[Any, set[str]] | None:
    """The model with weights that this node's processes share; None if sharing is of no use or the weights are gone."""
    source = in_type(folder, reader.dtype, budget) if budget else folder
    if source == folder:
        return None
    try:
        model, missing = reader.load(folder, source)
    except _DAMAGED:  # another process has made room, or the copy is damaged; the checkpoint itself is there
        return None
    return (model, missing) if _is_all_in(model, reader.dtype) else None  # otherwise some weights have to stay exact


def load_mapped(folder: Path, reader: Reader) -> tuple[Any, set[str]]:
    """The model, whose weights go from their mapped files to their devices one by one, and are converted on the way.

    Each has the type that transformers gives it, as a model without data shows, see `Reader.load` for the rest.
    """
    stored = stored_type(folder) or reader.dtype
    model, missing = replace(reader, dtype=stored).load(folder, folder)
    types = {id(tensor): tensor.dtype for tensor in (*model.parameters(), *model.buffers())}
    if stored != reader.dtype:
        plain, held = _named_tensors(reader.sketch(folder)), _named_tensors(model)
        types = {id(tensor): plain[name].dtype for name, tensor in held.items()}
    small = {id(matrix.weight) for matrix in matrices(model)} if reader.quantized else set()

    def size(tensor: torch.Tensor) -> int:
        return tensor.numel() * (1 if id(tensor) in small else types[id(tensor)].itemsize)

    where = _where(model, reader, size)

    def place(tensor: torch.Tensor) -> tuple[torch.device, torch.dtype]:
        return where[id(tensor)], types[id(tensor)]

    quantized = quantize_layers(model, place) if reader.quantized else set()
    model._apply(lambda tensor: tensor if id(tensor) in quantized else tensor.to(*place(tensor)))  # noqa: SLF001 - `to` has one type for all
    return model, missing


def _where(model: nn.Module, reader: Reader, size: Callable[[torch.Tensor], int]) -> dict[int, torch.device]:
    """The device of each weight and buffer, by its `id`; `size` is the bytes that one takes there."""
    held = _named_tensors(model)
    if len(reader.devices) == 1 or reader.layers is None:
        return {id(tensor): reader.devices[0] for tensor in held.values()}
    by_name = places(held, reader.layers, reader.devices, size)
    return {id(tensor): by_name[name] for name, tensor in held.items()}


def _named_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Weights and buffers by name, those that are tied by each of theirs."""
    return dict([*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)])


def _is_all_in(model: nn.Module, dtype: torch.dtype) -> bool:
    return all(tensor.dtype == dtype for tensor in model.state_dict().values() if tensor.is_floating_point())


def _detach_pooler(model: Any) -> nn.Module | None:
    """Take the pooler off a model; what is left in its place does nothing, for models that always run one."""
    pooler = getattr(model, "pooler", None)
    if pooler is None:
        return None
    model.pooler = nn.Identity()
    linear = pooler if isinstance(pooler, nn.Linear) else pooler.dense
    return nn.Sequential(linear, nn.Tanh())


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
