"""Files of tagged words: a word on each line, its tag in the last column, a blank line behind each sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ptune.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

_COMMENTS = ("## ", "-DOCSTART-")


def read_tagged(path: Path) -> Dataset:
    r"""Read sentences into a table with the list columns `words` and `tags`.

    Columns are separated by tabs where a line holds one, else by white space; the first is the word, the last its tag.
    A line whose word is a space and whose tag follows a tab (as in KLUE-NER's files of characters) is a word like any
    other. Lines that begin with `## ` or `-DOCSTART-` are comments.

    Raises:
        DataError: the file is not UTF-8, holds no sentence, or has a line of one column.
    """
    import datasets

    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be loaded: not UTF-8: {error}") from error
    sentences = list(_sentences(path, text.split("\n")))
    if not sentences:
        raise DataError(f"{path}: holds no examples")
    words, tags = ([[row[place] for row in sentence] for sentence in sentences] for place in (0, 1))
    return datasets.Dataset.from_dict({"words": words, "tags": tags})


def _sentences(path: Path, lines: Sequence[str]) -> Iterator[list[tuple[str, str]]]:
    """The words and tags of each sentence."""
    sentence: list[tuple[str, str]] = []
    for number, line in enumerate(lines, 1):
        if line.startswith(_COMMENTS):
            continue
        if line.strip():
            sentence.append(_word(path, number, line.rstrip("\r")))
        elif sentence:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _word(path: Path, number: int, line: str) -> tuple[str, str]:
    columns = line.split("\t") if "\t" in line else line.split()
    if len(columns) < 2 or not columns[-1].strip():
        raise DataError(f"{path}: line {number}: a word and its tag must stand there, got {line!r}")
    return columns[0], columns[-1].strip()
