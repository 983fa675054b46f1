"""`ptune predict`: answers for texts, from an exported prompt."""

from __future__ import annotations

import io
import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptune.artifacts.inputs import row
from ptune.cli.answers import Format, destination, format_of, write
from ptune.data.text_file import contents, is_table
from ptune.errors import DataError, SpecError
from ptune.report.said import say
from ptune.report.wording import plural
from ptune.spec.text_form import encoding_law

if TYPE_CHECKING:
    from ptune.api.prompt import Prompt

_FIRST_CHUNK, _LARGEST_CHUNK = 32, 1024  # inputs answered together: few at first, so that answers come soon


@click.command(short_help="Answer for texts with an exported prompt.")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--text", "texts", multiple=True, help="An input; or, repeated, each text of one that has several.")
@click.option("--text2", help="The second text of an input that has two.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Table (csv, jsonl, json, parquet, conll), or one input on each line; - is standard input.",
)
@click.option("--columns", metavar="A,B", help="Columns of the table that hold an input's texts, in order.")
@click.option("--encoding", help="Encoding of --file, such as latin-1.  [default: as in training, else UTF-8]")
@click.option("--to", "target", type=click.Path(path_type=Path), metavar="FILE", help="File to write: .jsonl or .csv.")
@click.option("--format", "kind", type=click.Choice(["json", "csv"]), help="JSON lines (the default), or a table.")
@click.option("--data-set", help="Data set that the texts belong to, if the artifact has several.")
@click.option("--backbone", help="Folder or Hub id of the backbone, if it has moved since training.")
@click.option("--trust-remote-code", is_flag=True, help="Run the Python code that the backbone brings along.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.pass_obj
def predict(
    owns_process: bool | None,
    folder: Path,
    texts: tuple[str, ...],
    text2: str | None,
    file: Path | None,
    columns: str | None,
    encoding: str | None,
    target: Path | None,
    kind: Format | None,
    data_set: str | None,
    backbone: str | None,
    trust_remote_code: bool,
    device: str,
) -> None:
    """Load the artifact in DIR with its backbone, and answer for texts. DIR may be on the Hub (hub:ORG/NAME).

    The command prints one JSON object for each input. For classification, it holds the label and the probability of
    each label. Without --text and --file, inputs are read from standard input, one on each line, and a tab separates
    the texts of a pair. The columns of a table are named as in training, or by --columns. A backbone with other weights
    than at training is refused.

    \b
    ptune predict ptune_runs/quickstart/artifact --text "what a lovely film"
    ptune predict artifact --text "It rained." --text "The ground is wet."
    ptune predict artifact --data-set P36 --text "France" --text "Japan"
    ptune predict artifact --file data.csv --columns premise,hypothesis
    ptune predict artifact --file data.parquet --to answers.csv
    cat texts.txt | ptune predict artifact
    """
    if texts and file is not None:
        raise SpecError("give --text or --file, not both")
    if not texts and text2 is not None:
        raise SpecError("--text2 needs --text")
    has_columns = columns is not None or (file is not None and is_table(file))
    if columns is not None and (file is None or str(file) == "-"):
        raise SpecError("--columns needs --file with a table")
    if encoding is not None and (law := encoding_law(encoding)) is not None:
        raise SpecError(f"--{law}")
    kind = format_of(kind, target)
    by_hand = not texts and not has_columns and _lines_are_typed(file)
    if by_hand:
        say("type one input on each line; Ctrl-D ends (--text and --file give inputs, too)", err=True)
    if owns_process:
        from ptune.backbone.lean_imports import import_leanly

        import_leanly()
    from ptune.api.prompt import load

    prompt = load(folder, backbone=backbone, device=device, trust_remote_code=trust_remote_code)
    if data_set is not None:
        prompt = prompt.on(data_set)
    if texts:
        rows: Iterable[tuple[str, ...]] = given_rows(texts, text2, prompt.inputs)
    elif has_columns and file is not None:
        rows = prompt.read(file, None if columns is None else columns.split(","), encoding=encoding)
    else:
        rows = read_rows(_lines(file, encoding or prompt.encoding), prompt.inputs)
    with destination(target) as stream:
        write(_answers(prompt, rows, by_hand=by_hand), stream, kind, prompt.labels)


def _answers(prompt: Prompt, rows: Iterable[tuple[str, ...]], *, by_hand: bool) -> Iterator[dict[str, object]]:
    """The answers in order; inputs that somebody types are answered one by one."""
    for chunk in chunks(rows, largest=1 if by_hand else _LARGEST_CHUNK):
        yield from prompt.predict(chunk)


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
    given = [*texts, *([] if text2 is None else [text2])]
    if len(given) > len(names) and len(names) > 1:
        raise DataError(
            f"--text: one input is {plural(len(names), 'text')} ({', '.join(names)}), got {len(given)}; give several "
            "inputs with --file"
        )
    return [row(given, names, "--text")]


def read_rows(lines: Iterable[str], names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """One row for each line that is not empty; tabs separate the texts of a pair.

    Raises:
        DataError: a line has more or fewer texts than an input, or an empty one.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            stripped = line.rstrip("\r\n")
            if _is_record(stripped, names):
                raise DataError(
                    f"line {number} is a JSON object, and a line is a text here; a table in a file that ends in .jsonl "
                    "is read by its columns: --file DATA.jsonl"
                )
            yield row(stripped.split("\t") if len(names) > 1 else [stripped], names, f"line {number}")


def _is_record(line: str, names: Sequence[str]) -> bool:
    """Whether a line is a row of a table of JSON lines that holds the texts of an input."""
    if not line.startswith("{"):
        return False
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and set(names) <= content.keys()


def chunks(rows: Iterable[tuple[str, ...]], largest: int = _LARGEST_CHUNK) -> Iterator[list[tuple[str, ...]]]:
    """Rows in groups that are answered together, each twice as large as the one before until the largest."""
    waiting, size = iter(rows), min(_FIRST_CHUNK, largest)
    while chunk := list(itertools.islice(waiting, size)):
        yield chunk
        size = min(2 * size, largest)


def _lines_are_typed(file: Path | None) -> bool:
    """Whether lines come from somebody at a terminal."""
    return (file is None or str(file) == "-") and sys.stdin.isatty()


def _lines(file: Path | None, encoding: str | None) -> Iterator[str]:
    """The lines of a file, read as training reads files, or of standard input.

    Bytes of standard input that are no UTF-8 are refused where their line is read.

    Raises:
        DataError: the file cannot be read.
    """
    if file is None or str(file) == "-":
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
        yield from sys.stdin
        return
    if file.exists() and not file.is_file() and not file.is_dir():  # a pipe, which may bring its lines one by one
        with file.open(encoding=encoding or "utf-8-sig", errors="surrogateescape") as stream:
            yield from stream
    else:
        yield from io.StringIO(contents(file).text(encoding), newline=None)
