"""What an artifact's folder holds: what the prompt is, whether its files are whole, and where it can go.

Imports no torch unless the words near its vectors are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ptune.artifacts.artifact import Manifest
from ptune.artifacts.checksums import CHECKSUMS, differences, listed
from ptune.artifacts.formats.format import why_not
from ptune.artifacts.formats.registry import BY_NAME
from ptune.artifacts.load import FolderLayout, layout_of, load_artifact, load_manifest
from ptune.backbone.hashes import weights_hash
from ptune.backbone.locate import located
from ptune.backbone.word_embeddings import Near, Vocabulary
from ptune.errors import ArtifactError, BackboneError
from ptune.spec.formats import FormatName
from ptune.spec.prompt import PROMPTLESS, fills_input

_READ: tuple[FormatName, ...] = ("native", "peft")
"""Formats that ptune reads back."""
_WORDS = 5  # words that are named for each vector


@dataclass(frozen=True)
class Words:
    """The ordinary words near a prompt's vectors.

    Attributes:
        why_not: why no words can be named; None if they are.
        prompts: for each prompt and each of its vectors, the nearest words.
        closeness: the cosine of a word of this backbone and its nearest other word, in the middle of a sample.
    """

    why_not: str | None = None
    prompts: Sequence[Sequence[Sequence[Near]]] = ()
    closeness: float | None = None


@dataclass(frozen=True)
class Inspection:
    """A folder that has been looked at.

    Attributes:
        folder: the folder.
        layout: how the artifact lies in it.
        manifest: what the prompt is; None where the description is damaged.
        checksums: whether the folder has checksums.
        damage: what differs from what was written, a phrase for each file.
        beside: files that are not part of the artifact.
        tensors: the shape of each tensor.
        exports: by format, why it cannot hold the prompt; None where it can.
    """

    folder: Path
    layout: FolderLayout
    manifest: Manifest | None
    checksums: bool
    damage: Sequence[str]
    beside: Sequence[str]
    tensors: Mapping[str, Sequence[int]]
    exports: Mapping[FormatName, str | None]

    def numbers(self) -> dict[str, int]:
        """How many numbers the artifact holds, by what they are: `prompt`, `head`, `backbone`."""
        counts: dict[str, int] = {}
        for name, shape in self.tensors.items():
            part = {"prompt_embeddings": "prompt", "base_model": "head"}.get(name.partition(".")[0])
            part = part or name.partition(".")[0]
            counts[part] = counts.get(part, 0) + math.prod(shape)
        return counts

    def to_json(self) -> dict[str, Any]:
        """The same as one JSON object."""
        manifest = None if self.manifest is None else self.manifest.model_dump(mode="json")
        facts = {field: value for field, value in asdict(self).items() if field not in ("manifest", "layout")}
        return {
            **facts,
            "folder": str(self.folder),
            "format": self.layout.format,
            "readable_since": self.layout.since,
            "numbers": self.numbers(),
            "manifest": manifest,
        }


def inspect(folder: Path) -> Inspection:
    """Look at an artifact's folder; a damaged one is described as far as it can be read.

    Raises:
        ArtifactError: the folder is missing, holds no artifact, or one that this version of ptune does not read.
    """
    _refuse_export_of_another_tool(folder)
    layout = layout_of(folder)
    damage = _differences(folder)
    manifest, tensors = None, {}
    try:
        manifest = load_manifest(folder)
        tensors = _shapes(folder / layout.tensors)
    except ArtifactError as error:
        if not damage:
            raise
        damage.append(str(error))
    exports = {} if manifest is None else {name: why_not(chosen, manifest) for name, chosen in BY_NAME.items()}
    checksums = (folder / CHECKSUMS).is_file()
    beside = _beside(folder) if checksums and manifest is not None else []
    return Inspection(folder, layout, manifest, checksums, damage, beside, tensors, exports)


def words_near(inspection: Inspection, backbone_id: str | None = None) -> Words:
    """The ordinary words near the vectors of a prompt, or why there are none.

    Args:
        inspection: the artifact.
        backbone_id: where its backbone is; None is where the artifact says. The network is not asked.
    """
    if inspection.manifest is None or inspection.damage:
        return Words("the folder is damaged")
    if (reason := _wordless(inspection.manifest)) is not None:
        return Words(reason)
    try:
        backbone = _backbone(inspection.manifest, backbone_id)
        tensors = load_artifact(inspection.folder).tensors
        count = sum(name.startswith("prompt.") for name in tensors)
        tables = [tensors[f"prompt.{number}"] for number in range(count)]
        vocabulary = Vocabulary(backbone, tables[0].shape[1])
    except BackboneError as error:
        return Words(str(error))
    return Words(None, [vocabulary.nearest(table, _WORDS) for table in tables], vocabulary.closeness())


def _wordless(manifest: Manifest) -> str | None:
    """Why a prompt's method has no vectors among words; None if it has."""
    if manifest.prompt.method in PROMPTLESS:
        return f"a prompt of the method {manifest.prompt.method} has no vectors"
    if not fills_input(manifest.prompt.method):
        return (
            "the vectors of a v2 prompt are keys and values inside the attention of layers, and words have none of "
            "their own there: what stands for a word depends on the words before it"
        )
    return None


def _backbone(manifest: Manifest, backbone_id: str | None) -> Path:
    """The files of a prompt's backbone, which are on this machine.

    Raises:
        BackboneError: they are not, or are those of another one.
    """
    origin = manifest.backbone
    name, revision = (origin.id, origin.revision) if backbone_id is None else (backbone_id, None)
    folder = located(name, revision)
    if folder is None:
        raise BackboneError(f"{name} is not on this machine, and holds the words (--backbone DIR says where it is)")
    if weights_hash(folder) != origin.hash:
        raise BackboneError(f"{name} has other weights than the backbone on which the prompt was trained")
    return folder


def _differences(folder: Path) -> list[str]:
    """What differs from the checksums; damaged checksums differ, too."""
    try:
        return differences(folder)
    except ArtifactError as error:
        return [str(error)]


def _beside(folder: Path) -> list[str]:
    """Files that the checksums do not list."""
    known = {*listed(folder), CHECKSUMS}
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in files if name not in known)


def _shapes(path: Path) -> dict[str, list[int]]:
    """The shape of each tensor of a file, which is not read further."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as tensors:
            names = tensors.keys()
            return {name: list(tensors.get_slice(name).get_shape()) for name in names}
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{path} is missing or damaged: {error}") from None


def _refuse_export_of_another_tool(folder: Path) -> None:
    """Say of an export that only its tool reads where it is described."""
    if any((folder / BY_NAME[name].marker).is_file() for name in _READ):
        return
    for chosen in BY_NAME.values():
        if (folder / chosen.marker).is_file() and (folder / CHECKSUMS).is_file():
            raise ArtifactError(
                f"{folder} is an export in the format {chosen.name}, which ptune does not read back; its model card, "
                "README.md, says what the prompt is"
            )
