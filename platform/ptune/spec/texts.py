"""Values that no file name, tokenizer or server takes, found before anything else looks at them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import StringConstraints

SEARCH_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What the name of a search matches."""
SearchName = Annotated[str, StringConstraints(pattern=SEARCH_NAME, max_length=80)]
"""The name of a search, which is that of a folder and of an experiment, too."""
DEEPEST = 32
"""Levels of tables and lists; a job has six."""
_LONGEST_NAME, _LONGEST_PATH = 255, 4095  # bytes that Linux, macOS and Windows all take
_PATHS = frozenset({"extends", "space", "start", "id", "source", "train", "dev", "test", "vocabulary"})
"""Keys whose strings may be paths."""


def unusable(value: Any, key: str = "", depth: int = 0) -> Iterator[str]:
    """One line for each value in tables and lists that cannot be used whatever its key means.

    These are strings that hold a null character or half of a surrogate pair, paths that no file system takes, and
    tables inside too many others.

    Args:
        value: what a TOML file, or a caller in Python, gives.
        key: its dotted key.
        depth: how many tables and lists it is in.
    """
    match value:
        case dict() | list() | tuple() if depth == DEEPEST:
            yield f"{key[:80]}...: tables and lists are nested too deep; {DEEPEST} levels are the most"
        case dict():
            for name, inner in value.items():
                yield from unusable(inner, f"{key}.{name}" if key else str(name), depth + 1)
        case list() | tuple():
            for position, inner in enumerate(value):
                yield from unusable(inner, f"{key}.{position}", depth + 1)
        case str() if "\0" in value:
            yield f"{key}: a string cannot hold a null character, got {value!r}"
        case str() if not _is_unicode(value):
            yield f"{key}: a string must be valid Unicode, got {value!r}"
        case str() if key.rpartition(".")[2] in _PATHS and (law := path_law(value)) is not None:
            yield f"{key}: {law}"


def path_law(text: str) -> str | None:
    """Why no file system takes a path; None if one may."""
    if "\0" in text:
        return f"a path cannot hold a null character, got {text[:80]!r}"
    shown = text if len(text) <= 80 else f"{text[:80]}..."
    if len(text.encode(errors="replace")) > _LONGEST_PATH:
        return f"a path has at most {_LONGEST_PATH} bytes, got {len(text.encode(errors='replace'))}: {shown!r}"
    if any(len(name.encode(errors="replace")) > _LONGEST_NAME for name in text.split("/")):
        return f"a name in a path has at most {_LONGEST_NAME} bytes, got {shown!r}"
    if text.startswith("~") and os.path.expanduser(text) == text:  # noqa: PTH111 - Path raises where nobody is found
        return f"there is no home folder of {text.partition('/')[0]!r}, got {shown!r}"
    return None


def absolute(folder: Path, text: str) -> Path:
    """A path that stands in a folder's file, from the root; links are followed as far as they lead somewhere."""
    expanded = os.path.expanduser(text)  # noqa: PTH111 - as above
    return Path(os.path.realpath(folder / expanded))  # Path.resolve raises on links that lead in a circle


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
