"""The prompt from which a search starts, kept in its folder: folders go, aliases move, and servers are away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ptune.errors import JournalError
from ptune.files import content_hash
from ptune.record.events import Header
from ptune.run.prepare import Prepared
from ptune.spec.prompt_uri import is_uri
from ptune.spec.started_from import StartedFrom

START = "start"
"""Name of the folder in a search's folder."""


def keep_start(prepared: Prepared, folder: Path) -> Prepared:
    """Copy the artifact from which a prepared job starts into its search's folder; the same, with it on record.

    Args:
        prepared: the job; one that starts from nothing stays as it is.
        folder: the search's folder.

    Raises:
        OSError: it cannot be copied.
    """
    artifact, named = prepared.start, prepared.job.start
    if artifact is None or named is None:
        return prepared
    from ptune.artifacts import native  # imported here because artifacts import torch
    from ptune.artifacts.checksums import write_checksums

    kept = folder / START
    kept.mkdir(exist_ok=True)
    native.fill(kept, artifact)
    start = StartedFrom(
        uri=named if is_uri(named) else None,
        search=artifact.manifest.search,
        trial=artifact.manifest.trial,
        digest=write_checksums(kept)[native.TENSORS],
    )
    return replace(prepared, header=replace(prepared.header, start=start))


def kept_start(header: Header, folder: Path) -> Path | None:
    """The folder of the artifact from which a begun search starts; None where it starts from nothing, or keeps no copy.

    Raises:
        JournalError: the copy is not there, or is another one.
    """
    if header.start is None:
        return None
    from ptune.artifacts.native import TENSORS

    tensors = folder / START / TENSORS
    found = content_hash(tensors) if tensors.is_file() else None
    if found != header.start.digest:
        what = "is gone" if found is None else f"has been changed (sha256 {found}, not {header.start.digest})"
        raise JournalError(f"{header.name} cannot go on: {tensors}, from which its trials start, {what}")
    return tensors.parent
