"""Read an artifact in whichever format a folder holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ptune.artifacts import adapter, native
from ptune.artifacts.artifact import Artifact, Manifest
from ptune.artifacts.checksums import verify
from ptune.artifacts.folders import check_holds
from ptune.artifacts.hub import fetched


@dataclass(frozen=True)
class FolderLayout:
    """How an artifact lies in its folder.

    Attributes:
        format: what its description says of itself.
        manifest: the file of the description.
        tensors: the file of the tensors.
        since: the first version of ptune that reads it.
        describe: reads its description.
        complete: reads its tensors, to the description.
    """

    format: str
    manifest: str
    tensors: str
    since: str
    describe: Callable[[Path], Manifest]
    complete: Callable[[Path, Manifest], Artifact]


_NATIVE = FolderLayout(native.FORMAT, native.MANIFEST, native.TENSORS, "0.1.0", native.describe, native.complete)
_ADAPTER = FolderLayout(adapter.FORMAT, adapter.MANIFEST, adapter.TENSORS, "0.1.0", adapter.describe, adapter.complete)


def layout_of(folder: Path) -> FolderLayout:
    """How an artifact lies in a folder.

    Raises:
        ArtifactError: the folder is missing, or holds none that ptune reads.
    """
    if (folder / adapter.MANIFEST).is_file():
        return _ADAPTER
    if (folder / adapter.CONFIG).is_file():
        check_holds(folder, adapter.MANIFEST, kind="an artifact that ptune exported, but another PEFT adapter")
    check_holds(folder, native.MANIFEST, kind="an artifact")
    return _NATIVE


def load_artifact(folder: Path) -> Artifact:
    """Read a native artifact, or one that ptune exported to PEFT's format; `hub:ORG/NAME` is fetched first.

    Raises:
        ArtifactError: the folder is missing, damaged, or holds neither.
        HubError: the Hub does not have it, or does not answer.
    """
    folder = fetched(folder)
    layout = layout_of(folder)
    manifest = layout.describe(folder)
    verify(folder, needed=manifest.has_checksums)
    return layout.complete(folder, manifest)


def load_manifest(folder: Path) -> Manifest:
    """Read an artifact's description alone, without torch; its files are not compared with their checksums.

    Raises:
        ArtifactError: the folder is missing, holds no artifact, or the description is damaged.
    """
    return layout_of(folder).describe(folder)
