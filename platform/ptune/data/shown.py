"""Examples as people read and give them: their answers counted and written out, and the inputs of a model.

What a kind of data counts and writes in a way of its own stands in its module; this one knows the others' ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ptune.data.sources import Split, kind_of
from ptune.data.values import Extent
from ptune.spec.data import Data


def in_windows(data: Data) -> bool:
    """Whether an input that is too long is cut into windows, and not shortened."""
    return getattr(kind_of(data), "IN_WINDOWS", False)


def in_masks(data: Data) -> bool:
    """Whether the last text of an input stands there as masks, one for each of its tokens."""
    return getattr(kind_of(data), "IN_MASKS", False)


def answers(split: Split, data: Data, labels: Sequence[str]) -> list[tuple[str, int]]:
    """How often each answer stands in a split; empty where answers are texts."""
    counted = getattr(kind_of(data), "counted", None)
    counts: list[tuple[str, int]] = [] if counted is None else counted(split.labels, labels)
    return counts


def extent(split: Split, data: Data) -> Extent | None:
    """The lowest, mean and highest answer of a split whose answers are numbers; None where they are not."""
    found = getattr(kind_of(data), "extent", None)
    return None if found is None else found(split.labels)


def answer_text(answer: Any, data: Data, labels: Sequence[str]) -> str:
    """An answer as people read it."""
    written = getattr(kind_of(data), "written", None)
    return str(answer if written is None else written(answer, labels))


def inputs(data: Data, texts: Sequence[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    """The inputs of examples, text by text: one for each candidate of a choice, words as the text they make."""
    apart = getattr(kind_of(data), "inputs", None)
    if apart is not None:
        rows: list[tuple[str, ...]] = apart(texts, data)
        return rows
    return [tuple(" ".join(text) if isinstance(text, list) else text for text in row) for row in texts]


def as_texts(data: Data, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Rows of cells as rows of texts; a cell that makes none stays as it is."""
    reader = getattr(kind_of(data), "as_texts", None)
    return [tuple(map(_joined, cells)) if reader is None else reader(cells) for cells in rows]


def _joined(cell: Any) -> Any:
    is_words = isinstance(cell, list) and all(isinstance(word, str) for word in cell)
    return " ".join(cell) if is_words else cell
