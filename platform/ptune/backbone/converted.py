"""A checkpoint's weights in another type, written once per node, so that all of its engines map the same pages.

If a checkpoint's files hold the type that is asked for, every process maps the files themselves. Frozen weights are
never written, so the processes share the pages. If each process converted the weights, each would hold a copy. The
module knows files and types, not models.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ptune.backbone.hashes import INDEX, weight_files, weights_hash
from ptune.files import Seal, replacing, value_hash, write_json
from ptune.node_files import default_folder, make_private

_LOG = logging.getLogger(__name__)
_FORMAT = "ptune-weights-1"
_SEALS = "seals.json"
_SETTINGS = (INDEX, "generation_config.json")  # what transformers reads beside weights and config
_NAMES = {torch.float32: "F32", torch.bfloat16: "BF16"}


def in_type(folder: Path, dtype: torch.dtype, budget: int) -> Path:
    """A folder with a checkpoint's weights in a type: this one, or a converted copy in this node's cache.

    Args:
        folder: the checkpoint.
        dtype: float32 or bfloat16.
        budget: most bytes that converted weights may take; the least recently used ones give way.

    Returns:
        `folder` itself where nothing has to be converted, the budget is too small, or the cache cannot be written.
    """
    try:
        files = weight_files(folder)
        count = _converted_numbers(files, dtype)
        size = count * dtype.itemsize
        if count and size <= budget:
            return _copy(folder, files, dtype, size, budget)
    except (OSError, ValueError, SafetensorError) as error:  # the reader of the checkpoint reports its faults
        _LOG.warning("converted weights are not shared between processes: %s", error)
    return folder


def stored_type(folder: Path) -> torch.dtype | None:
    """The type of all of a checkpoint's numbers, if it is float32 or bfloat16; None if there are others.

    Raises:
        OSError, ValueError, SafetensorError: a file cannot be read.
    """
    names = set()
    for path in weight_files(folder):
        with safe_open(path, framework="pt") as opened:
            names |= {opened.get_slice(name).get_dtype() for name in opened.keys()}  # noqa: SIM118 - it is no mapping
    return next((dtype for dtype, name in _NAMES.items() if names == {name}), None)


def _converted_numbers(files: list[Path], dtype: torch.dtype) -> int:
    """How many numbers the files hold; 0 when they hold them in this type already."""
    count, differs = 0, False
    for path in files:
        with safe_open(path, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118 - it is no mapping
                header = opened.get_slice(name)
                count += torch.Size(header.get_shape()).numel()
                differs = differs or (
                    header.get_dtype() in ("F64", "F32", "F16", "BF16") and header.get_dtype() != _NAMES[dtype]
                )
    return count if differs else 0


def _copy(folder: Path, files: list[Path], dtype: torch.dtype, size: int, budget: int) -> Path:
    """The converted copy. The first process of this node that needs it writes it."""
    cache = default_folder() / "weights"
    copy = cache / value_hash([_FORMAT, weights_hash(folder), str(dtype)])
    make_private(cache)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        seals = _seals(copy)
        missing = [path for path in files if not _is_whole(copy / path.name, seals)]
        if missing:
            _make_room(cache, copy, size, budget)
        for path in missing:
            with safe_open(path, framework="pt") as opened, replacing(copy / path.name) as draft:
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no mapping
                save_file({name: _to(tensor, dtype) for name, tensor in tensors.items()}, draft, {"format": "pt"})
            _seal(copy, path.name, seals)
        for name in _SETTINGS:
            if (folder / name).is_file() and not _is_whole(copy / name, seals):
                with replacing(copy / name) as draft:
                    shutil.copyfile(folder / name, draft)
                _seal(copy, name, seals)
        os.utime(copy)
    return copy


def _seals(copy: Path) -> dict[str, Seal]:
    """How the files of a copy were when they were written, by name."""
    try:
        content = json.loads((copy / _SEALS).read_text(encoding="utf-8"))
        return {name: Seal(**seal) for name, seal in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # written by an earlier version, or damaged
        return {}


def _is_whole(path: Path, seals: dict[str, Seal]) -> bool:
    """Whether a file of a copy has the content that was written."""
    return path.name in seals and seals[path.name].is_on(path)


def _seal(copy: Path, name: str, seals: dict[str, Seal]) -> None:
    """Note a file as it is, and keep others from writing it: processes map it."""
    (copy / name).chmod(0o400)
    seals[name] = Seal.of(copy / name)
    write_json(copy / _SEALS, {name: asdict(seal) for name, seal in seals.items()})


def _to(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _make_room(cache: Path, copy: Path, size: int, budget: int) -> None:
    """Remove the copies that were asked for longest ago until `size` fits.

    Raises:
        OSError: the disk has no room.
    """
    copies = sorted(
        (path for path in cache.iterdir() if path.is_dir() and path != copy), key=lambda p: p.stat().st_mtime
    )
    sizes = {path: sum(file.stat().st_size for file in path.iterdir()) for path in copies}
    for path in copies:
        if sum(sizes.values()) + size <= budget:
            break
        del sizes[path]
        shutil.rmtree(path)  # a process that has it mapped keeps its pages
    if size > shutil.disk_usage(cache).free // 2:
        raise OSError(f"{cache} has no room for {size} bytes of weights")
