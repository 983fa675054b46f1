"""`ptune predict`: labels for texts, from an exported prompt."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import click

from ptune.artifacts.inputs import row
from ptune.errors import DataError, SpecError
from ptune.report.wording import plural

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
    from ptune.api.prompt import load

    prompt = load(folder, backbone=backbone, device=device)
    if data_set is not None:
        prompt = prompt.on(data_set)
    names = prompt.inputs
    rows = given_rows(texts, text2, names) if texts else read_rows(lines or sys.stdin, names)
    for chunk in chunks(rows):
        for answer in prompt.predict(chunk):
            click.echo(json.dumps(answer, ensure_ascii=False))


def given_rows(texts: Sequence[str], text2: str | None, names: Sequence[str]) -> list[tuple[str, ...]]:
    """The rows that options give: one for each text, or a single one of several texts.

    Args:
        texts: the texts of --text.
        text2: the text of --text2.
        names: names of an input's texts, in order.

    Raises:
        DataError: there are more or fewer texts than an input has, or one is empty.
    """
    if text2 is None and len(names) == 1:
        return [row([text], names, "--text") for text in texts]
    if len(texts) > 1:
        raise DataError(
            f"--text: one input is {plural(len(names), 'text')} ({', '.join(names)}), got --text {len(texts)} times"
            f"{' and --text2' if text2 is not None else ''}; give several inputs as lines of --file"
        )
    return [row([*texts, *([] if text2 is None else [text2])], names, "--text")]


def read_rows(lines: Iterable[str], names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """One row for each line that is not empty; tabs separate the texts of a pair.

    Raises:
        DataError: a line has more or fewer texts than an input, or an empty one.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            stripped = line.rstrip("\r\n")
            yield row(stripped.split("\t") if len(names) > 1 else [stripped], names, f"line {number}")


def chunks(rows: Iterable[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    """Rows in groups that are answered together."""
    waiting = iter(rows)
    while chunk := list(itertools.islice(waiting, _CHUNK)):
        yield chunk
