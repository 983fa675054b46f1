"""Questions about contexts, with where in the context each accepted answer stands (SQuAD 1.1 and 2.0)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ptune.data.bad_rows import bad_rows, refuse
from ptune.data.columns import Columns, texts_of
from ptune.data.table import Table
from ptune.errors import DataError
from ptune.spec.data import SpanData

ANSWERABLE = "answerable"
UNANSWERABLE = "unanswerable"
IN_WINDOWS = True
"""A context that is too long is cut into windows."""


def columns_read(data: SpanData) -> list[str]:
    """The columns that question answering reads."""
    return [data.question, data.context, data.answers]


def extract(table: Table, source: str, data: SpanData) -> Columns:
    """Take questions, contexts and answers out of a table that has them.

    Answers are `{text = [...], answer_start = [...]}`, or a list of `{text = ..., answer_start = ...}` as in SQuAD's
    own files; starts are characters of the context. An example's label is its list of `[text, start]`, empty when the
    context has no answer.

    Raises:
        DataError: rows hold no text, or an answer that does not stand where it should; one line for each problem.
    """
    texts, problems = texts_of(table, source, data.fields)
    answers = table[data.answers]
    if not problems:
        rows = [(context, answer) for (_, context), answer in zip(texts, answers, strict=True)]
        problems += bad_rows(f"{source}: column {data.answers!r}", rows, lambda row: _problem(*row))
    refuse(problems)
    return Columns(source, texts, [_pairs(answer) for answer in answers])


def label_order(train: Columns, data: SpanData) -> list[str]:  # noqa: ARG001 - one shape for every kind of data
    """What questions may be: some unanswerable exactly if some are in the training split.

    Raises:
        DataError: no question of the training split has an answer.
    """
    if not any(train.labels):
        raise DataError(f"{train.source}: no question has an answer")
    return [ANSWERABLE] if all(train.labels) else [ANSWERABLE, UNANSWERABLE]


def number(columns: Columns, labels: Sequence[str]) -> list[Any]:
    """The answers as they are.

    Raises:
        DataError: a question has no answer, and every one of the training split has.
    """

    def problem(pairs: list[Any]) -> str | None:
        if pairs or UNANSWERABLE in labels:
            return None
        return "the question has no answer, and every question of the training split has one"

    refuse(bad_rows(columns.source, columns.labels, problem))
    return columns.labels


def _pairs(value: Any) -> list[list[Any]]:
    """The answers of a good row as `[text, start]`."""
    if isinstance(value, dict):
        return [list(pair) for pair in zip(value["text"], value["answer_start"], strict=True)]
    return [[answer["text"], answer["answer_start"]] for answer in value]


def _problem(context: str, value: Any) -> str | None:
    """What is wrong with a row's answers; None if nothing is."""
    try:
        pairs = _pairs(value)
    except (TypeError, KeyError, ValueError):
        return f"answers must be {{text = [...], answer_start = [...]}}, both as long, got {value!r}"
    for text, start in pairs:
        if not isinstance(text, str) or type(start) is not int:
            return f"an answer must be a string with an integer answer_start, got {text!r} at {start!r}"
        if not text.strip():
            return f"the answer is empty: {text!r}"
        if start < 0 or context[start : start + len(text)] != text:
            return (
                f"the answer {text!r} is not at character {start} of the context, "
                f"where {context[max(start, 0) : max(start, 0) + len(text)]!r} stands"
            )
    return None


def counted(answers: Sequence[Any], labels: Sequence[str]) -> list[tuple[str, int]]:  # noqa: ARG001 - as others have it
    """How many questions have an answer, and how many have none."""
    answered = sum(map(bool, answers))
    return [("answered", answered), (UNANSWERABLE, len(answers) - answered)]


def written(answer: Sequence[Any], labels: Sequence[str]) -> str:  # noqa: ARG001 - as others have it
    """An answer as people read it: the first of those that are accepted."""
    return str(answer[0][0]) if answer else "no answer"
