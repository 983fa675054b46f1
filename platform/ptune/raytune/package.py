"""What travels to a cluster with a Ray job: this ptune, the job as one file, and its small data files.

All of it is one folder, the job's working directory. Ray packs it, keeps it under a hash of its contents, and unpacks
it on every node that works for the job. A wheel would be installed with pip, which asks the network for everything that
the wheel depends on; a folder is there at once.
"""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ptune
from ptune.errors import ClusterError
from ptune.run.kept_data import copy_files
from ptune.spec.files import NamedFile, named_files, relocated
from ptune.spec.job import Job
from ptune.spec.problem import dotted

JOB_FILE = "job.toml"
"""Name of the job in its working directory."""
_MB = 2**20
_UNSENT = shutil.ignore_patterns("__pycache__", "*.pyc", "*.so")


@dataclass(frozen=True)
class Upload:
    """A file or folder that is sent with a job.

    Attributes:
        file: what the job names.
        size: its bytes.
    """

    file: NamedFile
    size: int

    def __str__(self) -> str:
        return f"{dotted(self.file.place)}: {self.file.path} ({megabytes(self.size)})"


def megabytes(size: int) -> str:
    """A number of bytes in MB of 2^20 bytes."""
    return f"{size / _MB:.1f} MB" if size >= _MB / 10 else f"{size / 1024:.1f} KB"


def uploads(job: Job) -> list[Upload]:
    """The files that have to be sent to a cluster of other machines: those that are here, and not in a shared folder.

    What is not here is taken to be there.

    Raises:
        ClusterError: they are larger than the job allows, or the backbone is a folder of this machine alone.
    """
    if is_only_here(Path(job.backbone.id), job):
        raise ClusterError(
            f"backbone.id: {job.backbone.id} is a folder of this machine, and is not uploaded; put it on storage that "
            "every node has at the same path and name its folder in cluster.shared, or name a model of the Hub"
        )
    local = [Upload(file, _size(file.path)) for file in named_files(job) if is_only_here(file.path, job)]
    total = sum(upload.size for upload in local)
    if total > job.cluster.upload_mb * _MB:
        files = "; ".join(str(upload) for upload in sorted(local, key=lambda upload: -upload.size))
        raise ClusterError(
            f"the cluster cannot reach files of this machine, and {megabytes(total)} are more than "
            f"cluster.upload_mb = {job.cluster.upload_mb:g} allows to be uploaded ({files}); put them on storage that "
            "every node has at the same path and name its folder in cluster.shared, or raise cluster.upload_mb"
        )
    return local


def stage(folder: Path, job: Job | None = None, sent: Sequence[Upload] = (), text: str = "") -> None:
    """Fill a job's working directory.

    Args:
        folder: an empty folder.
        job: the job; None for work that needs ptune alone.
        sent: files of the job that travel with it.
        text: stands at the end of the job's file.
    """
    from ptune.spec.write import job_toml

    _stage_ptune(folder)
    if job is None:
        return
    copied = copy_files([upload.file for upload in sent], folder / "files")
    homes = {root: f"./{home.relative_to(folder)}" for root, home in copied.items()}
    (folder / JOB_FILE).write_text(job_toml(relocated(job, homes)) + text, encoding="utf-8")


def _stage_ptune(folder: Path) -> None:
    """Copy this ptune, with what Python's metadata says of it: its version, and the libraries that it requires."""
    shutil.copytree(Path(ptune.__file__).parent, folder / "ptune", ignore=_UNSENT)
    notes = folder / f"ptune-{ptune.__version__}.dist-info"
    notes.mkdir()
    lines = ["Metadata-Version: 2.1", "Name: ptune", f"Version: {ptune.__version__}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in _requirements()]
    (notes / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _requirements() -> Sequence[str]:
    """What ptune requires; nothing where it lies on the path without being installed."""
    try:
        return importlib.metadata.requires("ptune") or ()
    except importlib.metadata.PackageNotFoundError:
        return ()


def is_only_here(path: Path, job: Job) -> bool:
    """Whether a path leads to something here that a cluster of other machines does not see."""
    return (
        path.is_absolute() and path.exists() and not any(path.is_relative_to(folder) for folder in job.cluster.shared)
    )


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
