"""Files of tagged words: a word on each line, its tag in the last column, a blank line behind each sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ptune.data.table import Table
from ptune.errors import DataError

_COMMENTS = ("## ", "-DOCSTART-", "#begin document", "#end document")
_DOUBTFUL = "# "
_SAME = 8
"""Lines that do not hold one and the same word."""
_CONLLU_COLUMNS = 10
_CONLLU_INDEX = re.compile(r"\d+([-.]\d+)?")


@dataclass(frozen=True)
class _Line:
    """A line that is not blank, taken apart."""

    number: int
    text: str

    @property
    def columns(self) -> list[str]:
        """Its columns: between tabs where it holds one, else between white space."""
        return self.text.split("\t") if "\t" in self.text else self.text.split()

    @property
    def shape(self) -> tuple[bool, int]:
        """Whether tabs part its columns, and how many there are."""
        return "\t" in self.text, len(self.columns)

    @property
    def doubtful(self) -> bool:
        """Whether it may be a comment as well as the word `#`."""
        return self.text.startswith(_DOUBTFUL)


def read_tagged(path: Path, text: str) -> Table:
    """Read sentences into a table with the list columns `words` and `tags`.

    Columns are separated by tabs where a line holds one, else by white space; the first is the word, the last its tag.
    A line whose word is a space and whose tag follows a tab (as in KLUE-NER's files of characters) is a word like any
    other. Lines that begin with `## `, `-DOCSTART-`, `#begin document` or `#end document` are comments. So are lines
    that begin with `# ` (`# text = ...`, `# id 7`), unless they have the columns and a tag of other lines: then `#` is
    a word.

    Args:
        path: the file, for messages.
        text: its text.

    Raises:
        DataError: it holds no sentence, has a line of one column, or is CoNLL-U, whose first column is no word.
    """
    sentences = [[_word(path, line) for line in sentence] for sentence in _sentences(text.split("\n"))]
    if not sentences:
        raise DataError(f"{path}: holds no examples")
    _check_words(path, [[word for word, _ in sentence] for sentence in sentences])
    words, tags = ([[row[column] for row in sentence] for sentence in sentences] for column in (0, 1))
    return Table({"words": words, "tags": tags}, len(sentences))


def _sentences(lines: Sequence[str]) -> Iterator[list[_Line]]:
    """The lines of words of each sentence."""
    rows = [_Line(number, line.rstrip("\r")) for number, line in enumerate(lines, 1) if not line.startswith(_COMMENTS)]
    sure = [row for row in rows if row.text.strip() and not row.doubtful]
    shapes, tags = {row.shape for row in sure}, {row.columns[-1].strip() for row in sure}
    sentence: list[_Line] = []
    for row in rows:
        if row.doubtful and not (row.shape in shapes and row.columns[-1].strip() in tags):
            continue
        if row.text.strip():
            sentence.append(row)
        elif sentence:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _word(path: Path, line: _Line) -> tuple[str, str]:
    """The word and the tag of a line."""
    columns = line.columns
    if len(columns) < 2 or not columns[-1].strip():
        raise DataError(f"{path}: line {line.number}: a word and its tag must stand there, got {line.text!r}")
    if len(columns) == _CONLLU_COLUMNS and _CONLLU_INDEX.fullmatch(columns[0]):
        raise DataError(
            f"{path}: line {line.number}: is CoNLL-U, whose first column is an index and not a word; "
            "write the words and the tags to learn as two columns"
        )
    return columns[0], columns[-1].strip()


def _check_words(path: Path, sentences: Sequence[list[str]]) -> None:
    """Refuse a first column that holds no words: it counts those of each sentence, or is the same on every line."""
    law = "is not a word; write the words and the tags to learn as two columns"
    if max(map(len, sentences)) > 1 and all(_counts(words) for words in sentences):
        raise DataError(f"{path}: the first column counts the words of each sentence (1, 2, ...), and {law}")
    firsts = {word for words in sentences for word in words}
    if len(firsts) == 1 and sum(map(len, sentences)) >= _SAME:
        raise DataError(f"{path}: the first column is {firsts.pop()!r} on every line, and {law}")


def _counts(words: Sequence[str]) -> bool:
    """Whether words are the whole numbers from 0 or 1, in order."""
    return any(list(words) == [str(number) for number in range(first, first + len(words))] for first in (0, 1))
