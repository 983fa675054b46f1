"""What a backbone's folder says of it, read once: everything a check asks before weights are loaded.

Imports no torch. Weights, their names and the tokenizer are read when they are first asked for.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ptune.backbone.families import Family, family_of
from ptune.backbone.footprint import Dimensions
from ptune.backbone.hashes import pointer, read_object, weight_files, weights_hash
from ptune.backbone.own_code import check_code
from ptune.backbone.plain_tokenizer import PlainTokenizer
from ptune.backbone.settings import check_settings
from ptune.backbone.tokenizer import Unloaded, load_tokenizer
from ptune.errors import BackboneError
from ptune.files import cause, check_regular
from ptune.spec.published_settings import Model

_LAYER = re.compile(r"(?P<stack>(?:[^.]+\.)*?(?:layers?|h|blocks?)\.)(?P<layer>\d+)\.")
"""The name of a layer's weight, as in `encoder.layer.3.output.bias`."""
_TABLE = "relative_attention_bias.weight"


@dataclass(frozen=True)
class Profile:
    """A backbone as its files describe it.

    Attributes:
        id: what the user calls it.
        folder: its files.
        config: its `config.json`.
        model_type: its family, as transformers names it.
        family: its family.
        layers: its layers; of an encoder-decoder, those of both stacks.
        trust: whether Python code that its folder brings along is run.
    """

    id: str
    folder: Path
    config: Mapping[str, Any]
    model_type: str
    family: Family
    layers: int
    trust: bool = False

    @property
    def positions(self) -> int | None:
        """Positions that a text may take; None if they are not bounded."""
        positions = self.config.get("max_position_embeddings", self.config.get("n_positions"))
        bounded = self.family.positions in ("absolute", "roberta", "fixed")
        if self.family.positions == "relative":  # DeBERTa embeds positions, too, unless its config says otherwise
            bounded = bool(self.config.get("position_biased_input", self.family.reads == "first"))
        if not bounded or not isinstance(positions, int):
            return None
        padding = self.config.get("pad_token_id", 1)
        return positions - self.family.first_position(padding if isinstance(padding, int) else None)

    @cached_property
    def language_head(self) -> bool | None:
        """Whether the checkpoint holds a language-modelling head; None where only loading it can tell.

        Raises:
            BackboneError: the weights cannot be read.
        """
        names = [name for path in weight_files(self.folder) for name in _header(path)[0]]
        if any(name.startswith(self.family.language) for name in names):
            return True
        if self.family.reads == "first":
            return False
        tied = self.config.get("tie_word_embeddings", True if self.family.tied else None)
        return tied if isinstance(tied, bool) else None

    @cached_property
    def reading(self) -> Unloaded:
        """The tokenizer and the family, which is all that laying out an input takes.

        Raises:
            BackboneError: there is no tokenizer, or it cannot be read.
        """
        return Unloaded(load_tokenizer(self.folder, self.id, trust=self.trust), self.family)

    @cached_property
    def weights_hash(self) -> str:
        """One SHA-256 over the weights, see `ptune.backbone.hashes.weights_hash`."""
        return weights_hash(self.folder)

    def check_weights(self) -> None:
        """Check, without loading them, that the weights are all there and are those of the layers that are stated.

        Raises:
            BackboneError: a file of weights is missing, damaged, or shorter than it says; a weight is a whole number;
                or there are more or fewer layers than `config.json` says.
        """
        types: dict[str, str] = {}
        for path in weight_files(self.folder):
            header, begin = _header(path)
            size, stated = path.stat().st_size, begin + _extent(path, header)
            if size != stated:
                raise BackboneError(
                    f"{path} is damaged: it has {size} bytes, and {stated} by what it says; fetch it again"
                )
            types |= {name: str(entry.get("dtype")) for name, entry in header.items()}
        if whole := [name for name, dtype in types.items() if _is_whole_number(name, dtype)]:
            raise BackboneError(
                f"{self.id}: {whole[0]} is of type {types[whole[0]]}; weights must be floating-point numbers"
            )
        held = _layers_named(types, self.family)
        if not self.family.shared_layers and held != self.layers:
            raise BackboneError(
                f"{self.id}: its config.json says {self.layers} layers, and its weights hold {held}; prompts of every "
                "layer need both to agree"
            )

    def check_tokenizer(self) -> None:
        """Check, without transformers, that a tokenizer that is a file of its own can be read.

        Raises:
            BackboneError: it cannot.
        """
        if (self.folder / "tokenizer.json").is_file():
            PlainTokenizer(self.folder)

    @property
    def model(self) -> Model:
        """Its family and size, by which published settings are found.

        Raises:
            BackboneError: the weights cannot be read.
        """
        return Model(self.model_type, self.layers, self.dimensions.hidden)

    @cached_property
    def dimensions(self) -> Dimensions:
        """The sizes that memory depends on. Every number in the files counts, also of a head that stays unused.

        Raises:
            BackboneError: the weights cannot be read.
        """
        entries = {name: entry for path in weight_files(self.folder) for name, entry in _header(path)[0].items()}
        numbers = sum(math.prod(entry["shape"]) for entry in entries.values())
        matrices = sum(math.prod(entry["shape"]) for name, entry in entries.items() if _is_matrix(name, entry["shape"]))
        return Dimensions.of(self.config, self.family, self.layers, numbers, matrices)


def read_profile(folder: Path, backbone_id: str | None = None, *, trust: bool | None = None) -> Profile:
    """Read what a backbone's `config.json` says.

    Args:
        folder: the backbone's files, see `ptune.backbone.locate.locate`.
        backbone_id: what the user calls it; None is the folder.
        trust: see `ptune.backbone.own_code.check_code`.

    Raises:
        BackboneError: the file is missing or not JSON, says too little, or the family cannot take a prompt; or nobody
            has decided about the code that the folder brings along; or the weights are quantized.
    """
    name = backbone_id or str(folder)
    check_code(folder, name, trust=trust)
    weight_files(folder)
    config = read_object(folder / "config.json")
    if config.get("quantization_config") is not None:
        raise BackboneError(
            f"{name}: its weights are quantized (config.json: quantization_config); take the whole ones"
        )
    if not isinstance(model_type := config.get("model_type"), str) or not model_type:
        raise BackboneError(f"{name}: its config.json does not say of which family it is (model_type)")
    family = family_of(model_type, name)
    check_settings(config, name)
    if unstated := [setting for setting in family.states if config.get(setting) is None]:
        raise BackboneError(f"{name}: its config.json must state {', '.join(unstated)}")
    layers = _layer_count(config, family)
    if layers is None:
        raise BackboneError(f"{folder}/config.json does not say how many layers the backbone has")
    return Profile(name, folder, config, model_type, family, layers, trust=bool(trust))


def _layer_count(config: Mapping[str, object], family: Family) -> int | None:
    """The number of layers that a config states, by the names that families have for it."""
    if family.reads != "decoder":
        return _first_count(config, "num_hidden_layers", "n_layer", "n_layers")
    encoder = _first_count(config, "encoder_layers", "num_layers")
    decoder = _first_count(config, "decoder_layers", "num_decoder_layers", "num_layers")
    return None if encoder is None or decoder is None else encoder + decoder


def _first_count(config: Mapping[str, object], *keys: str) -> int | None:
    return next((count for key in keys if isinstance(count := config.get(key), int)), None)


def _extent(path: Path, header: Mapping[str, Any]) -> int:
    """The bytes that a safetensors file's tensors take by what its header says.

    Raises:
        BackboneError: it does not say where they are.
    """
    try:
        return max((int(entry["data_offsets"][1]) for entry in header.values()), default=0)
    except (TypeError, KeyError, IndexError, ValueError):
        raise BackboneError(f"{path} cannot be read: it does not say where its tensors are") from None


def _is_whole_number(name: str, dtype: str) -> bool:
    """Whether a tensor is trained and not of real numbers; masks that attention keeps are `attn.bias`."""
    *above, last = name.split(".")
    mask = last == "bias" and bool(above) and above[-1] in ("attn", "attention")
    return last in ("weight", "bias") and not mask and not dtype.startswith(("F", "BF"))


def _is_matrix(name: str, shape: Sequence[int]) -> bool:
    """Whether a weight is a matrix of a numbered layer that states are multiplied by; T5 has tables there, too."""
    return len(shape) == 2 and any(part.isdigit() for part in name.split(".")) and not name.endswith(_TABLE)


def _layers_named(names: Iterable[str], family: Family) -> int:
    """How many layers the names of weights tell of: those of the longest stack, or of both stacks."""
    stacks: dict[str, int] = {}
    for name in names:
        if layer := _LAYER.match(name):
            stacks[layer["stack"]] = max(stacks.get(layer["stack"], 0), int(layer["layer"]) + 1)
    if family.reads != "decoder":
        return max(stacks.values(), default=0)
    return sum(
        max((size for stack, size in stacks.items() if side in stack.split(".")), default=0)
        for side in ("encoder", "decoder")
    )


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """What a safetensors file says of its tensors, as JSON after its own length in eight bytes; and where that ends."""
    try:
        check_regular(path)
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length)) if length <= path.stat().st_size else None
    except (OSError, ValueError, RecursionError) as error:
        raise BackboneError(f"{path} cannot be read: {cause(error)}{pointer(path)}") from None
    if not isinstance(header, dict):
        law = "it does not begin as a safetensors file does"
        raise BackboneError(f"{path} cannot be read: {law}{pointer(path)}")
    header.pop("__metadata__", None)
    return header, 8 + length
