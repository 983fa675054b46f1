"""ptune's own format: a folder of `artifact.json` and `prompt.safetensors`. Expresses every prompt; holds no pickle."""

from __future__ import annotations

from pathlib import Path

from ptune.artifacts.artifact import Artifact
from ptune.artifacts.folders import (
    check_holds,
    read_manifest,
    read_tensors,
    replacing_folder,
    write_manifest,
    write_tensors,
)

FORMAT = "ptune-artifact-1"
MANIFEST = "artifact.json"
TENSORS = "prompt.safetensors"


def write(folder: Path, artifact: Artifact) -> None:
    """Write an artifact; one that is there already is replaced in one step.

    Raises:
        ArtifactError: the folder holds anything that is not an artifact's.
    """
    with replacing_folder(folder, (MANIFEST, TENSORS), marker=MANIFEST) as draft:
        write_tensors(draft / TENSORS, artifact.tensors)
        write_manifest(draft / MANIFEST, FORMAT, artifact.manifest)


def read(folder: Path) -> Artifact:
    """Read an artifact.

    Raises:
        ArtifactError: the folder is missing, damaged, or not an artifact of this format.
    """
    check_holds(folder, MANIFEST, kind="an artifact")
    return Artifact(read_manifest(folder / MANIFEST, FORMAT), read_tensors(folder / TENSORS))
