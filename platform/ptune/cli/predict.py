"""`ptune predict`: labels for texts, from an exported prompt."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import click

from ptune.errors import DataError, SpecError

_CHUNK = 64  # lines answered together: enough for full batches, few enough to stream


@click.command(short_help="Label texts with an exported prompt.")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--text", help="The text.")
@click.option("--text2", help="The second text, for tasks over pairs.")
@click.option("--file", "lines", type=click.File(encoding="utf-8"), help="One text per line; - is standard input.")
@click.option("--backbone", help="Folder or Hub id of the backbone, if it is not where it was at training.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
def predict(
    folder: Path, text: str | None, text2: str | None, lines: IO[str] | None, backbone: str | None, device: str
) -> None:
    r"""Load the artifact in DIR, native or PEFT, with its backbone, and label texts.

    Prints one JSON object per text: its label, and the probability of each label. Without --text,
    reads lines; the texts of a pair are separated by a tab. A backbone with other weights is refused.

    \b
    ptune predict ptune_runs/quickstart/artifact --text "what a lovely film"
    ptune predict artifact --text "It rained." --text2 "The ground is wet."
    ptune predict artifact --file texts.tsv > labels.jsonl
    cat texts.txt | ptune predict artifact
    """
    if text is not None and lines is not None:
        raise SpecError("give --text or --file, not both")
    if text is None and text2 is not None:
        raise SpecError("--text2 needs --text")
    from ptune.artifacts.predict import Predictor

    predictor = Predictor.load(folder, backbone, device)
    fields = predictor.inputs
    given = [one for one in (text, text2) if one is not None]
    rows = [as_row(given, fields, "--text")] if given else read_rows(lines or sys.stdin, fields)
    for chunk in chunks(rows):
        for answer in predictor.predict(chunk):
            click.echo(json.dumps(answer, ensure_ascii=False))


def read_rows(lines: Iterable[str], fields: list[str]) -> Iterator[tuple[str, ...]]:
    """One row for each line that is not empty; texts of a pair are separated by a tab.

    Raises:
        DataError: a line has another number of texts than the task has fields.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            stripped = line.rstrip("\r\n")
            yield as_row(stripped.split("\t") if len(fields) > 1 else [stripped], fields, f"line {number}")


def as_row(texts: list[str], fields: list[str], place: str) -> tuple[str, ...]:
    """The texts of one example.

    Raises:
        DataError: there are more or fewer than the task has fields, or one is empty.
    """
    if len(texts) != len(fields):
        raise DataError(f"{place}: {len(fields)} text(s) are needed ({', '.join(fields)}), got {len(texts)}")
    if not all(text.strip() for text in texts):
        raise DataError(f"{place}: a text is empty")
    return tuple(texts)


def chunks(rows: Iterable[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    """Rows in groups that are answered together."""
    chunk: list[tuple[str, ...]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
