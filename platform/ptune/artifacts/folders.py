"""Folders that are whole or absent, and errors that say what a folder holds instead.

Knows names of files, not what is in them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

import ptune
from ptune.artifacts.artifact import Manifest
from ptune.artifacts.checksums import CHECKSUMS, listed
from ptune.artifacts.described import contradictions
from ptune.artifacts.drafts import draft_of
from ptune.errors import ArtifactError, nearest
from ptune.files import check_regular, replacing, write_json

if TYPE_CHECKING:
    from torch import Tensor

_BEFORE_CHECKSUMS = {
    *("artifact.json", "prompt.safetensors"),
    *("ptune.json", "adapter_config.json", "adapter_model.safetensors"),
}
"""What artifacts without checksums hold."""
_LARGEST = 64 << 20
"""Most bytes of a description: a vocabulary of a million words takes a quarter of that."""


@contextmanager
def replacing_folder(folder: Path, marker: str) -> Iterator[Path]:
    """Yield a temporary folder to fill; on success it becomes `folder` in one step, on error it is removed.

    Args:
        folder: where the result goes. What is there may be replaced only if it is of the same kind, and holds nothing
            that its checksums do not list.
        marker: the file that tells this kind of folder from others.

    Raises:
        ArtifactError: `folder` holds something else.
    """
    _check_replaceable(folder, marker)
    with draft_of(folder) as draft:
        yield draft


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors, marked as PyTorch's, flushed to disk."""
    from safetensors.torch import save_file

    detached = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as draft:
        save_file(detached, draft, metadata={"format": "pt"})


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file of trained numbers.

    Raises:
        ArtifactError: it is missing or damaged, or a tensor holds other things than finite numbers.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        check_regular(path)
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{path} is missing or damaged: {error}") from None
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise ArtifactError(f"{path} is damaged: {name} is of type {tensor.dtype}, and prompts are real numbers")
        if not tensor.isfinite().all():
            raise ArtifactError(f"{path} is damaged: {name} holds values that are not finite")
    return tensors


def write_manifest(path: Path, format_name: str, manifest: Manifest, further: Mapping[str, Any] | None = None) -> None:
    """Write an artifact's manifest as JSON, under the name of its format; `further` holds keys beside it.

    Labels that are those of the data set before, as the vocabulary of many relations is, are written as null.
    """
    content = manifest.model_dump(mode="json")
    # From the last to the first, so that each is compared with labels that are still written out.
    for before, task_set in reversed([*pairwise(content["sets"])]):
        if task_set["labels"] == before["labels"]:
            task_set["labels"] = None
    write_json(path, {"format": format_name, **content, **(further or {})})


def read_manifest(path: Path, format_name: str, further: Collection[str] = ()) -> Manifest:
    """Read what `write_manifest` wrote; `further` names the keys beside the manifest.

    Raises:
        ArtifactError: the file is missing, not JSON, of another format, or its contents break a law.
    """
    try:
        check_regular(path)
        if path.stat().st_size > _LARGEST:
            raise ArtifactError(f"{path} has more than {_LARGEST >> 20} MiB, and is no description of a prompt")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} is damaged, it is not JSON: {error}") from None
    if not isinstance(content, dict) or content.get("format") != format_name:
        format_found = content.get("format") if isinstance(content, dict) else None
        writer = _writer(content)
        by = "" if writer is None else f", written by ptune {writer}"
        raise ArtifactError(
            f"{path} has the format {format_found!r}{by}; this version of ptune, {ptune.__version__}, reads "
            f"{format_name!r}"
        )
    described = {key: value for key, value in content.items() if key not in {"format", *further}}
    try:
        manifest = Manifest.model_validate_json(json.dumps({**described, "sets": _labelled(described.get("sets"))}))
    except ValidationError as error:
        issues = [f"{'.'.join(map(str, issue['loc']))}: {issue['msg']}" for issue in error.errors()]
        writer = _writer(content)
        if writer not in (None, ptune.__version__):
            raise ArtifactError(
                f"{path} was written by ptune {writer}, and this version, {ptune.__version__}, cannot read it: "
                f"{'; '.join(issues)}"
            ) from None
        raise ArtifactError(f"{path} is damaged: {'; '.join(issues)}") from None
    if wrong := list(contradictions(manifest)):
        raise ArtifactError(f"{path} is damaged: {'; '.join(wrong)}")
    return manifest


def _writer(content: Any) -> str | None:
    """The version of ptune that a description says it was written by; None where it does not say so."""
    versions = content.get("versions") if isinstance(content, dict) else None
    version = versions.get("ptune") if isinstance(versions, dict) else None
    return version if isinstance(version, str) else None


def _labelled(sets: Any) -> Any:
    """Data sets as they were written, each with its labels; what is not such a list is left to be refused."""
    if not isinstance(sets, list) or not all(isinstance(task_set, dict) for task_set in sets):
        return sets
    labels, labelled = None, []
    for position, task_set in enumerate(sets):
        repeats = position > 0 and "labels" in task_set and task_set["labels"] is None
        labels = labels if repeats else task_set.get("labels")
        labelled.append({**task_set, "labels": labels} if repeats else task_set)
    return labelled


def check_holds(folder: Path, file: str, *, kind: str) -> None:
    """Check that `folder` is there and holds the file `file`.

    Raises:
        ArtifactError: it is not or does not; the message says what is there and where an artifact may be.
    """
    if not folder.exists():
        beside = [path.name for path in folder.parent.iterdir()] if folder.parent.is_dir() else []
        raise ArtifactError(f"{folder} does not exist{nearest(folder.name, beside)}")
    if not folder.is_dir():
        raise ArtifactError(f"{folder} is a file; an artifact is the folder that holds it: {folder.parent}")
    if not (folder / file).is_file():
        inside = sorted(path.parent for path in folder.glob(f"*/{file}"))
        hint = f"; did you mean '{inside[0]}'?" if inside else nearest(file, names := _names(folder)) or _list(names)
        raise ArtifactError(f"{folder} is not {kind}: it holds no {file}{hint}")


def _check_replaceable(folder: Path, marker: str) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ArtifactError(f"{folder} is a file; an artifact is a folder")
    names = _names(folder)
    known = {Path(name).parts[0] for name in listed(folder)} | {CHECKSUMS} if CHECKSUMS in names else _BEFORE_CHECKSUMS
    foreign = [name for name in names if name not in known]
    if foreign or (names and marker not in names):
        raise ArtifactError(
            f"{folder} is not replaced, because it holds other things than an artifact{_list(foreign or names)}; "
            f"name a folder that does not exist"
        )


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _list(names: list[str]) -> str:
    return f" ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})" if names else " (it is empty)"
