"""The form of text files: their encoding, and what stands between their cells."""

from __future__ import annotations

from ptune.errors import nearest
from ptune.spec.strict import broken

_ENCODINGS = ("utf-8", "utf-16", "latin-1", "iso-8859-1", "cp1252", "cp1251", "cp949", "euc-kr", "gb18030", "shift-jis")


def encoding_law(name: str) -> str | None:
    """What is wrong with the name of an encoding; None if Python knows it."""
    try:
        "".encode(name)  # refuses the codecs that are no encodings of text, too
    except (LookupError, ValueError):
        law = f"encoding must be one that Python knows, such as latin-1, cp1252, utf-16 or cp949, got {name!r}"
        return f"{law}{nearest(name.lower(), _ENCODINGS)}"
    return None


def known_encoding(name: str) -> str:
    """The name of an encoding, checked; for pydantic."""
    if (law := encoding_law(name)) is not None:
        raise broken(law)
    return name


def one_sign(delimiter: str) -> str:
    """A delimiter, checked; for pydantic."""
    if len(delimiter) != 1 or delimiter in '"\r\n' or delimiter.isalnum():
        raise broken(f'delimiter must be one sign, such as "," ";" "|" or "\\t", got {delimiter!r}')
    return delimiter
