"""Whether a task's data is there, and holds what the task needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ptune.data.builtin import PREFIX, split_file
from ptune.errors import DataError, nearest
from ptune.spec.data import Data
from ptune.spec.problem import Place, Problem
from ptune.spec.source import file_of
from ptune.spec.task import Task

SPLITS = ("train", "dev", "test")


def is_elsewhere(data: Data) -> bool:
    """Whether a data set comes from the Hub, or from a folder laid out like one."""
    return data.source is not None and not data.source.startswith(PREFIX)


def file_problems(task: Task) -> list[Problem]:
    """Files of a task that are not on this machine; those that relations miss are one problem, their pattern's."""
    problems: list[Problem] = []
    absent: dict[Place, list[Path]] = {}
    for data, table in zip(task.sets, task.set_places, strict=True):
        if data.source is not None and data.source.startswith((".", "/", "~")) and not Path(data.source).is_dir():
            problems.append(Problem((*table, "source"), f"{data.source}: there is no such folder", DataError))
        for key, file in _files(data):
            if isinstance(file, DataError):
                problems.append(Problem((*table, key), str(file), DataError))
            elif not file.is_file():
                absent.setdefault((*table, key), []).append(file)
    for place, paths in absent.items():
        pattern = str(getattr(task.data, str(place[-1])))
        law = _missing(list(dict.fromkeys(paths)), pattern, len(task.sets))
        problems.append(Problem(place, law, DataError))
    return list(dict.fromkeys(problems))


def _missing(paths: list[Path], pattern: str, sets: int) -> str:
    """What is missing: a file, with the nearest name there is, or how many of a pattern's files."""
    first = paths[0]
    if len(paths) > 1:
        return f"{pattern}: {len(paths)} of {sets} files missing, the first is {first}"
    beside = [file.name for file in first.parent.iterdir()] if first.parent.is_dir() else []
    return f"{first}: there is no such file{nearest(first.name, beside)}"


def _files(data: Data) -> Iterator[tuple[str, Path | DataError]]:
    """The files on this machine that a data set names, by the key that names them, or why there is no such file."""
    for key, name in data.files.items():
        if key not in SPLITS:
            yield key, Path(name)
        elif not is_elsewhere(data):
            try:
                yield key, split_file(data.source, file_of(name)) if data.source else Path(file_of(name))
            except DataError as error:
                yield key, error
