"""A configuration on several lines: it breaks between parameters, never within one."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.text import Text

from ptune.record.wording import SEPARATOR


class Folded:
    """Lines of phrases with separators, for rich to print on as many more lines as they need."""

    def __init__(self, text: str | Text) -> None:
        self._text = Text(text) if isinstance(text, str) else text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """The lines, in the colours of the text."""
        start = 0
        for line in fold(self._text.plain, options.max_width):
            yield self._text[start : start + len(line)]
            start += len(line) + 1

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """From the longest phrase to the whole text on one line."""
        longest = max(len(phrase) for phrase in _phrases(self._text.plain.replace("\n", SEPARATOR)))
        return Measurement(longest, max(longest, len(self._text.plain))).with_maximum(options.max_width)


def fold(text: str, width: int) -> list[str]:
    """The lines of a text of phrases on `width` columns, which only a longer phrase exceeds."""
    return [line for paragraph in text.split("\n") for line in _fold(paragraph, width)]


def _fold(paragraph: str, width: int) -> Iterator[str]:
    line = ""
    for phrase in _phrases(paragraph):
        if line and len(line) + 1 + len(phrase) > width:
            yield line
            line = phrase
        else:
            line = f"{line} {phrase}" if line else phrase
    yield line


def _phrases(text: str) -> list[str]:
    """The phrases, each with the separator that follows it."""
    *phrases, last = text.split(SEPARATOR)
    return [*(f"{phrase}{SEPARATOR.rstrip()}" for phrase in phrases), last]
