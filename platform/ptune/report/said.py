"""The one place where text becomes output of a terminal, without the control characters that data may bring.

A label, a template or an error may hold an escape sequence that clears the screen, sets its title or turns a line
around. A terminal is shown a sign in its place. JSON holds it escaped, so that a program reads what was written.
"""

from __future__ import annotations

import codecs
import json
import logging
import sys
from typing import IO, Any

_C0 = [code for code in range(0x20) if chr(code) not in "\n\t"]
_DIRECTIONS = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_OTHERS = [*range(0x80, 0xA0), 0x2028, 0x2029, *_DIRECTIONS, *range(0xD800, 0xE000)]
_SIGNS = {code: chr(0x2400 + code) for code in _C0} | {0x7F: "\u2421"} | dict.fromkeys(_OTHERS, "\ufffd")
_ESCAPED = {code: f"\\u{code:04x}" for code in (0x7F, *_OTHERS)}


def visible(text: str) -> str:
    """A text with a sign in place of each control character but line breaks and tabs, which does what it shows."""
    return text.replace("\r\n", "\n").translate(_SIGNS)


def one_line(text: str) -> str:
    """A text with a sign in place of each line break, too."""
    return visible(text).replace("\n", "\u240a")


def say(text: str, *, err: bool = False, nl: bool = True, file: IO[str] | None = None) -> None:
    """Write a text, and a line break unless `nl` is off.

    Args:
        text: what to write.
        err: on standard error.
        nl: whether a line break follows.
        file: another stream.
    """
    stream = file or (sys.stderr if err else sys.stdout)
    stream.write(visible(text) + ("\n" if nl else ""))
    stream.flush()


def say_json(value: Any) -> None:
    """Write a value as one line of JSON on standard output."""
    say(json_line(value, sys.stdout))


def json_line(value: Any, stream: IO[str]) -> str:
    """A value as JSON that a stream can write and a terminal can show; it reads back as it was."""
    return json.dumps(value, ensure_ascii=not is_utf(getattr(stream, "encoding", None))).translate(_ESCAPED)


class Shown:
    """A terminal as a stream that data is written to; for the writers of tables."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None)

    def write(self, text: str) -> int:
        """Write what is visible."""
        return self._stream.write(visible(text))

    def flush(self) -> None:
        """Write what waits."""
        self._stream.flush()


class _VisibleFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def prepare_streams() -> None:
    """Let warnings be visible too, and let a terminal without Unicode be no reason to fail."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_VisibleFormatter())
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # a stream that a test or a program has put there has none
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def is_utf(encoding: str | None) -> bool:
    """Whether an encoding has every character."""
    try:
        return codecs.lookup(encoding or "utf-8").name.startswith("utf")
    except LookupError:
        return False
