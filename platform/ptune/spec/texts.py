"""Strings that no file name, tokenizer or server takes, found before anything else looks at them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def unusable(value: Any, key: str = "") -> Iterator[str]:
    """One line for each string in tables and lists that holds a null character or half of a surrogate pair.

    Args:
        value: what a TOML file, or a caller in Python, gives.
        key: its dotted key.
    """
    match value:
        case dict():
            for name, inner in value.items():
                yield from unusable(inner, f"{key}.{name}" if key else str(name))
        case list() | tuple():
            for position, inner in enumerate(value):
                yield from unusable(inner, f"{key}.{position}")
        case str() if "\0" in value:
            yield f"{key}: a string cannot hold a null character, got {value!r}"
        case str() if not _is_unicode(value):
            yield f"{key}: a string must be valid Unicode, got {value!r}"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
