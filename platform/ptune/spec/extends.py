"""A TOML file on top of the files that it extends: `extends = "other.toml"`, a path relative to the file that says so.

Tables are merged key by key, and the upper file's values win. A list replaces a list. A table replaces the one below if
the two state different values of `type` or `kind`. The module knows no job and no space.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from ptune.errors import SpecError, nearest
from ptune.spec.texts import DEEPEST, absolute, path_law, unusable

Toml = dict[str, Any]
"""A table as TOML has it, not yet checked."""
_TAGS = ("type", "kind")
_LONGEST_CHAIN = 32
_LARGEST = 1 << 24
"""Bytes of a TOML file; jobs have a few thousand."""


@dataclass(frozen=True)
class TomlFile:
    """One file, without its `extends`."""

    path: Path
    tables: Toml


def read_chain(path: Path) -> list[TomlFile]:
    """Read a file and those it extends, the topmost first.

    Raises:
        SpecError: a file is missing or not TOML, holds strings that nothing takes, or files extend each other in a
            circle.
    """
    return chain_of(path, read_toml(path))


def chain_of(path: Path, tables: Toml) -> list[TomlFile]:
    """Tables that a file at `path` would hold, and the files that they extend, the topmost first.

    Raises:
        SpecError: a file is missing or not TOML, holds strings that nothing takes, or files extend each other in a
            circle.
    """
    chain: list[TomlFile] = []
    seen = {absolute(Path(), str(path))}
    while True:
        if problems := [*unusable(tables)]:
            raise SpecError("\n".join(f"{path}: {problem}" for problem in problems))
        extended = tables.pop("extends", None)
        chain.append(TomlFile(path, tables))
        if extended is None:
            return chain
        if not isinstance(extended, str):
            raise SpecError(f"{path}: extends: write the path of a file, got {extended!r}")
        above, path = path, absolute(path.parent, extended)
        if path in seen:
            raise SpecError(f"{above}: extends: files extend each other in a circle, back to {path}")
        if len(chain) == _LONGEST_CHAIN:
            raise SpecError(f"{above}: extends: at most {_LONGEST_CHAIN} files extend each other, and these go on")
        seen.add(path)
        tables = read_toml(path)


def extends(path: Path) -> bool:
    """Whether a file, or a table of it, is not complete without another."""
    tables = read_toml(path)
    return "extends" in tables or any("extends" in table for table in tables.values() if isinstance(table, dict))


def read_toml(path: Path) -> Toml:
    """Read one file.

    Raises:
        SpecError: it is missing, no ordinary file, or not TOML.
    """
    if (law := path_law(str(path))) is not None:
        raise SpecError(law)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SpecError(f"{path}: is {'a folder' if path.is_dir() else 'no ordinary file'}, not a TOML file")
        if path.stat().st_size > _LARGEST:
            raise SpecError(f"{path}: has more than {_LARGEST >> 20} MiB, and is no job or space")
        return parsed(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        beside = [file.name for file in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        raise SpecError(f"{path}: no such file{nearest(path.name, beside)}") from None
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"{path}: not valid TOML: {error}") from None


def parsed(text: str) -> Toml:
    """The tables of a text in TOML.

    Raises:
        ValueError: it is not TOML, or nests deeper than a job does.
    """
    dots = max((line.partition("=")[0].count(".") for line in text.splitlines() if len(line) > 2 * DEEPEST), default=0)
    if dots > 4 * DEEPEST:  # Python's parser takes the square of their number
        raise ValueError(f"tables are nested too deep; {DEEPEST} levels are the most")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError(f"tables and lists are nested too deep; {DEEPEST} levels are the most") from None


def merged(chain: Sequence[TomlFile], over: Callable[[Toml, Toml], Toml]) -> Toml:
    """The tables of all files; `over(upper, lower)` merges two."""
    return reduce(lambda lower, upper: over(upper, lower), [file.tables for file in reversed(chain)], {})


def over(upper: Toml, lower: Toml, whole: Sequence[str] = ()) -> Toml:
    """One table over another. The tables that `whole` names replace those below."""
    result = lower | upper
    for key, value in upper.items():
        below = lower.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and key not in whole and not _another(value, below):
            result[key] = over(value, below)
    return result


def file_of_value(chain: Sequence[TomlFile], keys: Sequence[str | int]) -> TomlFile:
    """The file that holds the value at a place, or most of the path to it; the upper one of several."""
    return max(chain, key=lambda file: _steps(file.tables, keys))


def _another(upper: Toml, lower: Toml) -> bool:
    return any(tag in upper and tag in lower and upper[tag] != lower[tag] for tag in _TAGS)


def _steps(content: Any, keys: Sequence[str | int]) -> int:
    """How many steps to a place the tables have. A step that names a kind of table does not count: no file has it."""
    count = 0
    for step in keys:
        entered = content.get(step) if isinstance(content, dict) else None
        if isinstance(content, list) and isinstance(step, int):
            entered = content[step] if step < len(content) else None
        if entered is not None:
            content, count = entered, count + 1
    return count
