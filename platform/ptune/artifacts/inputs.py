"""What people give to be answered, as rows of texts: a string, a pair, a mapping by name, or many of these.

Knows the names of an input's texts; no tokenizer, no task and no file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from ptune.errors import DataError, nearest

Single: TypeAlias = str | tuple[str, ...] | Mapping[str, str]
"""One input: its only text, its texts in order, or its texts by name."""
Many: TypeAlias = Iterable[str | Sequence[str] | Mapping[str, str]]
"""Several inputs; a list may stand for a tuple inside."""

_SHOWN = 40  # characters of a wrong value that a message repeats


def is_single(inputs: Single | Many) -> bool:
    """Whether something is one input: a string, a tuple or a mapping. Everything else holds several."""
    return isinstance(inputs, str | tuple | Mapping)


def rows(inputs: Many, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Several inputs as rows with one text for each name.

    Args:
        inputs: a list, or anything else to iterate over; a pandas DataFrame has one input in each row.
        names: names of an input's texts, in order.

    Raises:
        DataError: it is not a collection of inputs, or an input is wrong; see `row`.
    """
    if isinstance(inputs, bytes) or not isinstance(inputs, Iterable):
        raise DataError(f"the inputs must be {_wanted(names)}, or a list of these, got {_said(inputs)}")
    return [row(value, names, f"input {number}") for number, value in enumerate(_records(inputs), 1)]


def row(value: object, names: Sequence[str], label: str) -> tuple[str, ...]:
    """One input as a row with one text for each name.

    Args:
        value: a string, a tuple or list of strings, or a mapping by name, whose further keys do not count.
        names: names of an input's texts, in order.
        label: what a message calls the input.

    Raises:
        DataError: it is of another type, has more or fewer texts, or one of its texts is empty or not valid Unicode.
    """
    texts = _texts(value, names, label)
    if len(texts) != len(names):
        needed = f"{len(names)} text{' is' if len(names) == 1 else 's are'} needed ({', '.join(names)})"
        hint = "; give several inputs as a list" if len(names) == 1 and isinstance(value, tuple) else ""
        raise DataError(f"{label}: {needed}, got {len(texts)}{hint}")
    for name, text in zip(names, texts, strict=True):
        if not isinstance(text, str):
            raise DataError(f"{label}: {name} must be a string, got {_said(text)}")
        if not text.strip():
            raise DataError(f"{label}: {name} is empty")
        try:
            text.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which no tokenizer takes
            raise DataError(f"{label}: {name} is not valid Unicode, got {_said(text)}") from None
    return tuple(texts)


def _texts(value: object, names: Sequence[str], label: str) -> Sequence[Any]:
    match value:
        case str() if len(names) == 1:
            return [value]
        case tuple() | list():
            return value
        case Mapping():
            missing = [name for name in names if name not in value]
            if missing:
                keys = [str(key) for key in value]
                raise DataError(f"{label}: {missing[0]} is missing{nearest(missing[0], keys)} (has: {', '.join(keys)})")
            return [value[name] for name in names]
        case _:
            raise DataError(f"{label}: must be {_wanted(names)}, got {_said(value)}")


def _records(inputs: Iterable[Any]) -> Iterable[Any]:
    """The inputs one by one; iterating over a DataFrame itself would yield the names of its columns."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(inputs, pandas.DataFrame):
        records: list[Any] = inputs.to_dict("records")
        return records
    return inputs


def _wanted(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"a string ({names[0]})"
    return f"a tuple of {len(names)} strings ({', '.join(names)}) or a mapping with these keys"


def _said(value: object) -> str:
    """A wrong value with its type, shortened."""
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}"
