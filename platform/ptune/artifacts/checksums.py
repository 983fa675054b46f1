"""The SHA-256 of each file of a folder, in a file that `sha256sum --check` reads, too."""

from __future__ import annotations

from pathlib import Path

from ptune.errors import ArtifactError
from ptune.files import cause, check_regular, content_hash, write_text

CHECKSUMS = "SHA256SUMS"
CARD = "README.md"
"""The model card: listed, but people may change it."""
_ESSENTIAL = ("artifact.json", "prompt.safetensors", "ptune.json", "adapter_config.json", "adapter_model.safetensors")
"""What is read as a prompt."""


def write_checksums(folder: Path) -> dict[str, str]:
    """Write the checksums of all files that lie in a folder and below it; return them by name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = {_name(path, folder): content_hash(path) for path in files}
    write_text(folder / CHECKSUMS, "".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    return sums


def listed(folder: Path) -> list[str]:
    """The files that a folder's checksums name, relative to it; none where it has no checksums.

    Raises:
        ArtifactError: the checksums are damaged.
    """
    return list(_read(folder))


def verify(folder: Path, *, needed: bool = False) -> None:
    """Check that the files of a folder are those that were written.

    Args:
        folder: the folder.
        needed: whether it has to have checksums; otherwise one without them is taken as it is.

    Raises:
        ArtifactError: files are missing or differ; the message names them.
    """
    if needed and not (folder / CHECKSUMS).is_file():
        raise ArtifactError(f"{folder} is damaged: {CHECKSUMS} is missing, and so nothing tells whether it is whole")
    if bad := differences(folder):
        raise ArtifactError(f"{folder} is damaged: {'; '.join(bad)} ({CHECKSUMS} says so)")


def differences(folder: Path) -> list[str]:
    """What differs in a folder from what was written, a phrase for each file; the card may differ.

    Raises:
        ArtifactError: the checksums are damaged.
    """
    changes, sums = [], _read(folder)
    for name, expected in sums.items():
        path = folder / name
        if name == CARD:
            continue
        if not path.is_file():
            changes.append(f"{name} is missing")
        elif content_hash(path) != expected:
            changes.append(f"{name} is not the file that was written")
    beside = [name for name in _ESSENTIAL if sums and name not in sums and (folder / name).exists()]
    return changes + [f"{name} is not among the files that were written" for name in beside]


def _read(folder: Path) -> dict[str, str]:
    path = folder / CHECKSUMS
    if not path.exists():
        return {}
    try:
        check_regular(path)
        lines = [line.partition("  ") for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} is damaged: {cause(error)}") from None
    if not lines or any(len(checksum) != 64 or not name for checksum, _, name in lines):
        raise ArtifactError(f"{path} is damaged: a line holds a SHA-256, two spaces and a name")
    return {name: checksum for checksum, _, name in lines}


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
