"""The files of ptune's own format: a description in JSON, and tensors."""

from __future__ import annotations

from pathlib import Path

from ptune.artifacts.artifact import Artifact, Manifest
from ptune.artifacts.folders import check_holds, read_manifest, read_tensors, write_manifest, write_tensors

FORMAT = "ptune-artifact-1"
MANIFEST = "artifact.json"
TENSORS = "prompt.safetensors"


def fill(folder: Path, artifact: Artifact) -> None:
    """Write an artifact's files into a folder."""
    write_tensors(folder / TENSORS, artifact.tensors)
    write_manifest(folder / MANIFEST, FORMAT, artifact.manifest)


def read(folder: Path) -> Artifact:
    """Read an artifact, whose files are not compared with their checksums.

    Raises:
        ArtifactError: the folder is missing, damaged, or not an artifact of this format.
    """
    check_holds(folder, MANIFEST, kind="an artifact")
    return complete(folder, describe(folder))


def complete(folder: Path, manifest: Manifest) -> Artifact:
    """Read the tensors of the artifact that a folder's manifest describes.

    Raises:
        ArtifactError: they are missing or damaged.
    """
    return Artifact(manifest, read_tensors(folder / TENSORS))


def describe(folder: Path) -> Manifest:
    """Read what an artifact is, without its tensors.

    Raises:
        ArtifactError: the description is missing, damaged, or of another format.
    """
    return read_manifest(folder / MANIFEST, FORMAT)
