"""Facts: a subject's texts, and an object that is a word of a vocabulary.

Which words a tokenizer knows as one token is not known here; what it lacks is left out where facts are encoded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ptune.data.bad_rows import bad_rows, refuse
from ptune.data.columns import Columns, text_problem, texts_of
from ptune.data.table import Table
from ptune.data.text_file import contents
from ptune.errors import DataError
from ptune.spec.data import ClozeData

KIND = "cloze"


def columns_read(data: ClozeData) -> list[str]:
    """The columns that facts have."""
    return [*data.text, data.label]


def extract(table: Table, source: str, data: ClozeData) -> Columns:
    """Take subjects and objects out of a table that has them.

    Raises:
        DataError: rows hold no subject, no object, or something else; one line for each column with a problem.
    """
    texts, problems = texts_of(table, source, data.text)
    objects = table[data.label]
    problems += bad_rows(f"{source}: column {data.label!r}", objects, text_problem)
    refuse(problems)
    return Columns(source, texts, [word.strip() for word in objects])


def label_order(facts: Columns, data: ClozeData) -> Sequence[str]:
    """The words that may be answers: those of the vocabulary's file, in its order, or every object, sorted.

    Raises:
        DataError: the file is missing, or holds no words.
    """
    if data.vocabulary is not None:
        return _read_vocabulary(Path(data.vocabulary), data.encoding)
    return sorted(set(facts.labels))


@lru_cache(maxsize=4)
def _read_vocabulary(path: Path, encoding: str | None) -> list[str]:
    """The words of a file, each once: one for each line, or a JSON list. Relations share one list."""
    file = contents(path, of="words")
    content = file.text(encoding)
    words = _listed(path, content) if file.kind == ".json" else content.splitlines()
    vocabulary = list(dict.fromkeys(word.strip() for word in words if word.strip()))
    if not vocabulary:
        raise DataError(f"{path}: holds no words")
    return vocabulary


def _listed(path: Path, content: str) -> list[str]:
    try:
        words = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: the vocabulary is not JSON: {error}") from None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise DataError(f"{path}: a vocabulary in JSON must be a list of words, got {type(words).__name__}")
    return words
