"""`ptune predict`: labels for texts, from an exported prompt."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import click

from ptune.errors import DataError, SpecError

_CHUNK = 64  # lines answered together: enough for full batches, few enough to stream


@click.command(short_help="Answer for texts with an exported prompt.")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--text", "texts", multiple=True, help="The text. May be repeated if an input has one text.")
@click.option("--text2", help="The second text, if an input has two.")
@click.option(
    "--file", "lines", type=click.File(encoding="utf-8"), help="File with one input on each line; - is standard input."
)
@click.option("--data-set", help="Data set that the texts belong to, if the artifact has several.")
@click.option("--backbone", help="Folder or Hub id of the backbone, if it has moved since training.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
def predict(
    folder: Path,
    texts: tuple[str, ...],
    text2: str | None,
    lines: IO[str] | None,
    data_set: str | None,
    backbone: str | None,
    device: str,
) -> None:
    """Load the artifact in DIR, native or PEFT, with its backbone, and answer for texts.

    The command prints one JSON object for each input. For classification, it holds the label and the probability of
    each label. Without --text, inputs are read line by line, and a tab separates the texts of a pair. A backbone with
    other weights than at training is refused.

    \b
    ptune predict ptune_runs/quickstart/artifact --text "what a lovely film"
    ptune predict artifact --text "It rained." --text2 "The ground is wet."
    ptune predict artifact --data-set P36 --text "France" --text "Japan"
    ptune predict artifact --file texts.tsv > labels.jsonl
    cat texts.txt | ptune predict artifact
    """
    if texts and lines is not None:
        raise SpecError("give --text or --file, not both")
    if not texts and text2 is not None:
        raise SpecError("--text2 needs --text")
    from ptune.artifacts.predict import Predictor

    predictor = Predictor.load(folder, backbone, device)
    fields = predictor.inputs(data_set)
    rows = given_rows(texts, text2, fields) if texts else read_rows(lines or sys.stdin, fields)
    for chunk in chunks(rows):
        for answer in predictor.predict(chunk, data_set):
            click.echo(json.dumps(answer, ensure_ascii=False))


def given_rows(texts: Sequence[str], text2: str | None, fields: list[str]) -> list[tuple[str, ...]]:
    """The rows that options give: one for each text, or a single one of several texts.

    Raises:
        DataError: there are more or fewer texts than the task has fields, or one is empty.
    """
    if text2 is None and len(fields) == 1:
        return [as_row([text], fields, "--text") for text in texts]
    if len(texts) > 1:
        raise DataError(
            f"--text: one input is {len(fields)} text(s) ({', '.join(fields)}), got --text {len(texts)} times"
            f"{' and --text2' if text2 is not None else ''}; give several inputs as lines of --file"
        )
    return [as_row([*texts, *([] if text2 is None else [text2])], fields, "--text")]


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
