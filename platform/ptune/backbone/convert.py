"""Turn a backbone whose weights are pickles into one whose weights are safetensors.

Loading a pickle may run code. Weights are therefore read by a process of their own, which makes tensors and nothing
else, and holds no token or password (`ptune.backbone.unpickle`). This process never opens a pickle.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ptune.backbone.hashes import indexed
from ptune.backbone.locate import SETTINGS, folder_of
from ptune.backbone.profile import Profile, read_profile
from ptune.backbone.tokenizer import check_vocabulary
from ptune.errors import BackboneError, StorageError
from ptune.spec.cluster import is_secret

_PICKLE, _PICKLES = "pytorch_model.bin", "pytorch_model.bin.index.json"
_PATTERNS = (_PICKLE, "pytorch_model-*.bin")
_FOREIGN = ("tf_model.h5", "flax_model.msgpack", "model.ckpt.index", "*.gguf", "*.onnx", "rust_model.ot")


@dataclass(frozen=True)
class Written:
    """What the process that reads pickles has written.

    Attributes:
        files: names of the safetensors files, in the order of the pickles.
        tensors: how many tensors they hold.
        bytes: how many bytes these take.
        tied: weights that are left out, each with the one that it is the same as; loading the model ties them.
    """

    files: Sequence[str]
    tensors: int
    bytes: int
    tied: Mapping[str, str]


@dataclass(frozen=True)
class Converted:
    """A backbone that has been converted.

    Attributes:
        profile: what the copy is.
        pickles: names of the files that the weights were read from.
        weights: what they have become.
        copied: names of the files that were copied.
    """

    profile: Profile
    pickles: Sequence[str]
    weights: Written
    copied: Sequence[str]


def convert(source: str, target: Path, revision: str | None = None) -> Converted:
    """Write a copy of a backbone with safetensors weights.

    Args:
        source: a folder, or a Hub id, whose files are fetched.
        target: an empty folder.
        revision: Hub branch, tag or commit.

    Raises:
        BackboneError: the backbone is not there, ptune knows no such family, it needs no conversion, or its weights are
            no pickled tensors.
        StorageError: the disk is full.
    """
    if source.startswith("packaged:"):
        raise BackboneError(f"{source} needs no conversion: jobs name it as it is")
    patterns = [*SETTINGS, "*.py", *_PATTERNS, *(f"0_*/{pattern}" for pattern in _PATTERNS)]
    folder = folder_of(source, revision, patterns)
    names = _pickles(folder, source)
    read_profile(folder, source, trust=False)
    check_vocabulary(folder, source)
    size, free = sum((folder / name).stat().st_size for name in names), shutil.disk_usage(target).free
    if size > free:
        raise StorageError(f"{source} takes {size / 1e6:.3g} MB, and {free / 1e6:.3g} MB are free at {target.parent}")
    written = _unpickled(folder, target, names)
    copied = sorted({path for pattern in (*SETTINGS, "*.py") for path in folder.glob(pattern)})
    copied = [path for path in copied if path.is_file() and path.name != _PICKLES]
    for path in copied:
        shutil.copyfile(path, target / path.name)
    profile = read_profile(target, source, trust=False)
    profile.check_weights()
    return Converted(profile, names, written, [path.name for path in copied])


def _pickles(folder: Path, source: str) -> list[str]:
    """The names of the pickles that hold a backbone's weights.

    Raises:
        BackboneError: there are none, or some are missing; or there are safetensors, which need no conversion.
    """
    if any(folder.glob("*.safetensors")):
        raise BackboneError(f"{source} has *.safetensors weights, and needs no conversion: jobs name it as it is")
    names = [_PICKLE]
    if not (folder / _PICKLE).exists() and (folder / _PICKLES).is_file():
        names = indexed(folder / _PICKLES, ".bin")
    if missing := [name for name in names if not (folder / name).is_file()]:
        foreign = sorted(path.name for pattern in _FOREIGN for path in folder.glob(pattern))
        found = f"; {foreign[0]} is of another library, from which transformers converts" if foreign else ""
        raise BackboneError(f"{source} cannot be converted: {folder} holds no file {missing[0]}{found}")
    return names


def _unpickled(folder: Path, target: Path, names: list[str]) -> Written:
    """Let a process of its own read the pickles."""
    done = subprocess.run(
        [sys.executable, "-m", "ptune.backbone.unpickle", str(folder), str(target), *names],
        env={name: value for name, value in os.environ.items() if not is_secret(name)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        ended = f"was ended by signal {-done.returncode}" if done.returncode < 0 else f"failed: {lines[-1]}"
        raise BackboneError(f"{folder} is not converted: the process that reads its weights {ended}")
    answer = json.loads(done.stdout.splitlines()[-1])
    if "refused" in answer:
        raise (StorageError if answer["kind"] == "StorageError" else BackboneError)(answer["refused"])
    return Written(**answer)
