"""How answers are written: JSON lines, or a table with a row for each."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, cast

from ptune.errors import SpecError
from ptune.files import replacing
from ptune.report.cells import harmless
from ptune.report.said import Shown, json_line

if TYPE_CHECKING:
    from ptune.tasks.kind import Prediction

Format = Literal["json", "csv"]
SUFFIXES: dict[str, Format] = {".jsonl": "json", ".csv": "csv"}


def format_of(chosen: Format | None, target: Path | None) -> Format:
    """The format asked for, or the one that a file's suffix names, or JSON lines.

    Raises:
        SpecError: the suffix names none.
    """
    if chosen is not None or target is None:
        return chosen or "json"
    if target.suffix.lower() not in SUFFIXES:
        raise SpecError(
            f"--to {target}: the suffix must be one of {', '.join(SUFFIXES)}, or --format says how to write"
        )
    return SUFFIXES[target.suffix.lower()]


@contextlib.contextmanager
def destination(target: Path | None) -> Iterator[IO[str]]:
    """Standard output, or a file that is there when everything is written and not before."""
    if target is None:
        yield cast("IO[str]", Shown(sys.stdout)) if sys.stdout.isatty() else sys.stdout
        return
    with replacing(target) as draft, draft.open("w", encoding="utf-8", newline="") as stream:
        yield stream


def write(answers: Iterable[Prediction], stream: IO[str], kind: Format, labels: Collection[str]) -> None:
    """Write answers as they come.

    Args:
        answers: the answers, in order.
        stream: where to.
        kind: JSON lines, or csv, see `cells`.
        labels: the labels of the prompt.
    """
    if kind == "json":
        for answer in answers:
            stream.write(json_line(answer, stream) + "\n")
            stream.flush()
        return
    table = csv.writer(stream, lineterminator="\n")
    for number, answer in enumerate(answers):
        row = cells(answer, labels)
        if number == 0:
            table.writerow(map(harmless, row))
        table.writerow(map(harmless, row.values()))
        stream.flush()


def cells(answer: Prediction, labels: Collection[str]) -> dict[str, str | float]:
    """An answer as a row of a table.

    The values of labels have a column each, such as `probabilities.yes`. Words are separated by spaces; whatever
    else is nested, and a list with a text of several words, is JSON.
    """
    row: dict[str, str | float] = {}
    for name, value in answer.items():
        if isinstance(value, dict) and value.keys() == set(labels):
            row |= {f"{name}.{label}": value[label] for label in labels}
        else:
            row[name] = _cell(value)
    return row


def _cell(value: Any) -> str | float:
    if isinstance(value, list) and all(isinstance(word, str) and " " not in word for word in value):
        return " ".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
