"""What identifies a backbone: hashes of its weights, and of the settings and tokenizer files that matter."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from ptune.errors import BackboneError
from ptune.files import cause, check_regular, content_hash, value_hash

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
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_POINTER = b"version https://git-lfs"
_ADAPTER = "adapter_config.json"
_NAMED_TOKENS = ("added_tokens.json", "special_tokens_map.json")
_VOCABULARIES = ("vocab.txt", "vocab.json", "merges.txt", "bpe.codes", "*.model")


def weight_files(folder: Path) -> list[Path]:
    """The weight files that transformers reads from a backbone's folder.

    Raises:
        BackboneError: they lie outside of the folder, so that no hash of it covers them.
    """
    if (folder / _ADAPTER).is_file():
        raise BackboneError(
            f"{folder} holds an adapter ({_ADAPTER}), and so transformers reads weights that lie elsewhere; merge the "
            "adapter into its backbone first"
        )
    if (folder / WEIGHTS).is_file() or not (folder / INDEX).is_file():
        return [folder / WEIGHTS]
    return [folder / name for name in indexed(folder / INDEX, ".safetensors")]


def indexed(index: Path, suffix: str) -> list[str]:
    """The names of the files over which an index says that weights are spread.

    Raises:
        BackboneError: it names none, or others than files of its own folder that end in `suffix`.
    """
    parts = read_object(index).get("weight_map")
    if not isinstance(parts, dict) or not parts or not all(isinstance(name, str) for name in parts.values()):
        raise BackboneError(f"{index} does not say in which files the weights are")
    names = sorted(set(parts.values()))
    if outside := [name for name in names if Path(name).name != name or not name.endswith(suffix)]:
        raise BackboneError(f"{index} names {outside[0]!r}, and weights must be *{suffix} files of the same folder")
    return names


def weights_hash(folder: Path) -> str:
    """Return one SHA-256 over all safetensors files of a backbone, by name and content.

    Raises:
        BackboneError: others would be loaded, see `weight_files`.
    """
    weight_files(folder)
    return value_hash({path.name: file_hash(path) for path in sorted(folder.glob("*.safetensors")) if path.is_file()})


def file_hash(path: Path) -> str:
    """Return a weight file's SHA-256, read once in a process unless the file changes."""
    status = path.stat()
    return _read_hash(path, status.st_ino, status.st_size, status.st_mtime_ns)


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
    named = {name: read_object(folder / name) for name in _SILENT if (folder / name).is_file()}
    named_tokens = [name for name in _NAMED_TOKENS if (folder / name).is_file()]
    hashes = {
        name: value_hash({key: value for key, value in content.items() if key not in _SILENT[name]})
        for name, content in named.items()
    }
    whole = folder / "tokenizer.json"
    files = [whole] if whole.is_file() else sorted(path for pattern in _VOCABULARIES for path in folder.glob(pattern))
    hashes |= {name: value_hash(read_object(folder / name)) for name in named_tokens}
    return hashes | {path.name: content_hash(path) for path in files}


def pointer(path: Path) -> str:
    """The hint that a file only points to the one that is meant, as a clone without Git LFS leaves it; or nothing."""
    try:
        check_regular(path)
        with path.open("rb") as stream:
            begin = stream.read(len(_POINTER))
    except OSError:
        return ""
    return "; it is a pointer of Git LFS: `git lfs pull` fetches the file itself" if begin == _POINTER else ""


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object that a file of a backbone holds.

    Raises:
        BackboneError: the file is missing or holds no JSON object.
    """
    try:
        check_regular(path)
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BackboneError(f"{path.parent} holds no readable {path.name}: {cause(error)}{pointer(path)}") from None
    if not isinstance(content, dict):
        raise BackboneError(f"{path.parent} holds no readable {path.name}: it is not a JSON object")
    return content
