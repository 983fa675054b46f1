"""Read an artifact in whichever format a folder holds."""

from __future__ import annotations

from pathlib import Path

from ptune.artifacts import adapter, native
from ptune.artifacts.artifact import Artifact
from ptune.artifacts.folders import check_holds


def load_artifact(folder: Path) -> Artifact:
    """Read a native artifact, or one that ptune exported to PEFT's format.

    Raises:
        ArtifactError: the folder is missing, damaged, or holds neither.
    """
    if (folder / adapter.MANIFEST).is_file():
        return adapter.read(folder)
    if (folder / adapter.CONFIG).is_file():
        check_holds(folder, adapter.MANIFEST, kind="an artifact that ptune exported, but another PEFT adapter")
    return native.read(folder)
