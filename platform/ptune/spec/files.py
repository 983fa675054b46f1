"""The files and folders that a job names by absolute paths, and the same job with them elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ptune.spec.extends import Toml
from ptune.spec.job import Job
from ptune.spec.problem import Place
from ptune.spec.prompt_uri import is_uri
from ptune.spec.source import Source, file_of
from ptune.spec.strict import RECORDED

_SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class NamedFile:
    """A file or folder that a job names.

    Attributes:
        place: where the job names it.
        path: the file or folder itself.
        root: the folder that moves with it; what the job says below it stays.
    """

    place: Place
    path: Path
    root: Path

    @property
    def below(self) -> Path:
        """Its place below its root."""
        return self.path.relative_to(self.root)


def named_files(job: Job) -> list[NamedFile]:
    """The files of a job's data, and the folder of the artifact from which it starts, if it is one; each path once."""
    named = [
        NamedFile((*place, key), Path(file_of(text)), _root(getattr(_written(job, place), key)))
        for data, place in zip(job.task.sets, job.task.set_places, strict=True)
        for key, text in _texts(data)
    ]
    if job.start is not None and not is_uri(job.start):
        named.append(NamedFile(("start",), Path(job.start), _root(job.start)))
    once: dict[Path, NamedFile] = {}
    for file in named:
        once.setdefault(file.path, file)
    return list(once.values())


def relocated(job: Job, homes: Mapping[Path, str]) -> Job:
    """The same job with the files of some roots elsewhere.

    Args:
        job: the job.
        homes: for each such root the folder that takes its place; relative ones begin with `./`.
    """
    content = job.model_dump(mode="json")
    for table in [content["task"]["data"], *content["task"].get("more", [])]:
        keys = ("source", "vocabulary") if table.get("source") is not None else (*_SPLITS, "vocabulary")
        for key in keys:
            _relocate(table, key, homes)
    _relocate(content, "start", homes)
    return Job.model_validate(content, context=RECORDED)  # its search may have begun, and counted its steps


def _relocate(table: Toml, key: str, homes: Mapping[Path, str]) -> None:
    text = table.get(key)
    if isinstance(text, str) and text.startswith("/") and (root := _root(text)) in homes:
        table[key] = f"{homes[root]}/{Path(text).relative_to(root)}"


def _written(job: Job, place: Place) -> Source:
    """The data of a place as the job has it, which stands for several sets where it has relations."""
    data: Source = job.task.data if place == ("task", "data") else job.task.more[int(place[-1])]
    return data


def _texts(data: Source) -> Iterator[tuple[str, str]]:
    """The keys of a data set that name files of this machine, with what they say."""
    local = data.source is None
    if data.source is not None and data.source.startswith("/"):
        yield "source", data.source
    for key, text in data.files.items():
        if text.startswith("/") and (local or key not in _SPLITS):
            yield key, text


def _root(text: str) -> Path:
    """The folder of what a job names; above every part of its path that stands for several."""
    path = Path(file_of(text))
    return next(folder for folder in path.parents if "{" not in str(folder))
