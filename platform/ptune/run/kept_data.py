"""The data files of a search, kept in its folder: files that were sent to a cluster with a job are gone after it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ptune.run.prepare import Prepared
from ptune.spec.files import NamedFile, named_files, relocated

DATA = "data"
"""Name of the folder in a search's folder."""


def keep_data(prepared: Prepared, folder: Path) -> Prepared:
    """Copy the files of a prepared job's data into its search's folder; the same, with these copies.

    Args:
        prepared: the job, whose data has been read.
        folder: the search's folder.

    Raises:
        OSError: they cannot be copied.
    """
    homes = copy_files([file for file in named_files(prepared.job) if file.place != ("start",)], folder / DATA)
    job = relocated(prepared.job, {root: str(home) for root, home in homes.items()})
    return replace(prepared, job=job, header=replace(prepared.header, job=job))


def copy_files(files: Iterable[NamedFile], folder: Path) -> dict[Path, Path]:
    """Copy files and folders below a folder; return, for the root of each, what takes its place there."""
    files = list(files)
    homes = {root: folder / str(number) for number, root in enumerate(dict.fromkeys(file.root for file in files))}
    for file in files:
        target = homes[file.root] / file.below
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.path.is_dir():
            shutil.copytree(file.path, target, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(file.path, target)
    return homes
