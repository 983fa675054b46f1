"""Where a process that does nothing else reads weights from pickles, and writes them as safetensors.

    python -m ptune.backbone.unpickle FOLDER TARGET FILE...

Weights are read with `weights_only`, which makes tensors and calls nothing else. The process holds one file at a time.
It prints one JSON object: a `Written`, or why a file is refused.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import save_file

from ptune.backbone.convert import Written
from ptune.backbone.hashes import INDEX, WEIGHTS
from ptune.errors import BackboneError, PtuneError
from ptune.files import replacing, write_json

_POINTER = b"version https://git-lfs"
_UNREADABLE = (
    *(UnpicklingError, zipfile.BadZipFile, EOFError, OSError, RuntimeError),
    *(ValueError, LookupError, AttributeError, TypeError, AssertionError),
)
"""What torch raises for files that are damaged, or no pickles of tensors."""


def unpickle(folder: Path, target: Path, names: Sequence[str]) -> Written:
    """Write the weights of a backbone's pickles as safetensors, a file for each.

    Args:
        folder: the backbone.
        target: the folder to write to.
        names: the pickles, in `folder`.

    Raises:
        BackboneError: a file is no pickle of named tensors, or asks for more than tensors.
        StorageError: the disk is full.
    """
    files: list[str] = []
    places: dict[str, str] = {}
    tied: dict[str, str] = {}
    sizes = 0
    for number, name in enumerate(names, 1):
        tensors = _tensors(folder / name)
        same = dict(_tied(folder, tensors))
        kept = _apart({key: tensor for key, tensor in tensors.items() if key not in same})
        file = WEIGHTS if len(names) == 1 else f"model-{number:05}-of-{len(names):05}.safetensors"
        size = sum(tensor.nbytes for tensor in kept.values())
        with replacing(target / file, size) as draft:
            save_file(kept, draft, {"format": "pt"})
        files.append(file)
        places |= dict.fromkeys(kept, file)
        tied |= same
        sizes += size
    if len(names) > 1:
        write_json(target / INDEX, {"metadata": {"total_size": sizes}, "weight_map": places})
    return Written(tuple(files), len(places), sizes, tied)


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    """The named tensors of a pickle."""
    with path.open("rb") as stream:
        if stream.read(len(_POINTER)) == _POINTER:
            raise BackboneError(f"{path} is a pointer of Git LFS, not the file itself; `git lfs pull` fetches that")
    try:  # what torch writes as an archive is mapped, and not read into memory
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except _UNREADABLE as error:
        if asked := re.search(r"\bGLOBAL ([\w.]+)", str(error)):
            raise BackboneError(
                f"{path} is refused: it asks for {asked[1]}, and not for tensors alone, so that loading it could run "
                "any code; nothing of it is loaded; whoever made it can save the model's state_dict() instead"
            ) from None
        raise BackboneError(f"{path} is no pickle of tensors, or is damaged{_reason(error)}") from None
    if not isinstance(content, Mapping) or not content:
        raise BackboneError(
            f"{path} holds no state dict: tensors by their names are wanted, and it is {_kind(content)}"
        )
    for name, tensor in content.items():
        plain = isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided and not tensor.is_quantized
        if not isinstance(name, str) or not plain:
            raise BackboneError(
                f"{path} holds no state dict: tensors by their names are wanted, and under {name!r} is {_kind(tensor)}"
            )
    return {name: tensor.detach() for name, tensor in content.items()}


def _kind(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return (
            "a tensor" if value.layout == torch.strided and not value.is_quantized else "a sparse or quantized tensor"
        )
    return f"an empty {type(value).__name__}" if value in ({}, [], ()) else f"a {type(value).__name__}"


def _reason(error: BaseException) -> str:
    """The first sentence of what torch says, unless it advises to load the file all the same."""
    sentence = str(error).strip().partition("\n")[0].partition(". ")[0]
    return f": {sentence}" if sentence and "eights" not in sentence else ""


def _tied(folder: Path, tensors: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, str]]:
    """Weights that are the same tensor as another one, to which the model ties them; transformers writes none."""
    groups = defaultdict(set)
    for name, tensor in tensors.items():
        view = (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tensor.shape, tensor.stride())
        groups[view].add(name)
    alike = [names for names in groups.values() if len(names) > 1]
    if alike:
        ties = _tied_by_model(folder)
        for name, other in ties.items():
            if other not in ties and any({name, other} <= names for names in alike):
                yield name, other


def _tied_by_model(folder: Path) -> dict[str, str]:
    """The weights that a backbone's class ties, each with the one that it is tied to; none if the class is unknown."""
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError):  # without a model, every weight is written under its own name
        return {}
    model_class = getattr(transformers, str(next(iter(config.architectures or ()), None)), None)
    if not isinstance(model_class, type) or not issubclass(model_class, transformers.PreTrainedModel):
        return {}
    with torch.device("meta"):
        return dict(model_class(config).all_tied_weights_keys)


def _apart(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors that share no memory, as safetensors wants them: those that do are copied."""
    count: dict[int, int] = defaultdict(int)
    for tensor in tensors.values():
        count[tensor.untyped_storage().data_ptr()] += 1
    return {
        name: tensor.clone(memory_format=torch.contiguous_format)
        if count[tensor.untyped_storage().data_ptr()] > 1
        else tensor.contiguous()
        for name, tensor in tensors.items()
    }


def answer(folder: str, target: str, *names: str) -> Mapping[str, object]:
    """What the process prints: a `Written`, or why a file is refused and the kind of error."""
    try:
        return asdict(unpickle(Path(folder), Path(target), names))
    except PtuneError as error:
        return {"refused": str(error), "kind": type(error).__name__}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(answer(*sys.argv[1:])) + "\n")
