"""Read one file or one Hub data set into a `datasets.Dataset`, or say in one line why that cannot be.

Knows formats and places; knows nothing of texts, labels or tasks. The `datasets` library is imported when something
is read, because importing it takes seconds.
"""

from __future__ import annotations

import csv
import os
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from ptune.data.conll import read_tagged
from ptune.data.json_table import read_json
from ptune.data.parquet_table import read_parquet
from ptune.errors import DataError, nearest

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

_KINDS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "json",
    ".json": "json",
    ".parquet": "parquet",
    ".conll": "tagged",
    ".annotated": "tagged",
    ".txt": "tagged",
}
_UNREAD = "\x1f"  # a control character, with which no column of a table begins


def read_file(path: Path, columns: Collection[str] | None = None, *, tagged: bool = False) -> Dataset:
    """Read a csv, tsv, jsonl, json (an array of objects, or SQuAD's one object), parquet or conll file into memory.

    The cells of csv and tsv files are strings, as written: nothing becomes a number, and `NA` or `null` stay words.
    A tsv file has no quoting, so a bare `"` is a character like any other, as in GLUE's files. Files of tagged words
    (conll, annotated, txt) become a table with the columns `words` and `tags`, see `ptune.data.conll`.

    Args:
        path: the file.
        columns: the columns whose values are needed. Whatever stands in other columns, it cannot stop the reading;
            they are null or left out. None needs all.
        tagged: a tsv file holds tagged words, too.

    Raises:
        DataError: the file is missing, of another kind, empty, or not what its suffix says.
    """
    _check_file(path)
    suffix = path.suffix.lower()
    kind = "tagged" if tagged and suffix == ".tsv" else _KINDS[suffix]
    match kind:
        case "tagged":
            return read_tagged(path)
        case "json":
            return read_json(path, columns)
        case "parquet":
            return read_parquet(path, columns)
        case _:
            return _read_csv(path, columns)


def _read_csv(path: Path, columns: Collection[str] | None) -> Dataset:
    names = _header(path, columns)
    with tempfile.TemporaryDirectory(prefix="ptune-") as scratch:
        # `datasets` reads file names as patterns and skips hidden folders; a link in a folder of its own is neither.
        link = Path(scratch) / f"data{path.suffix.lower()}"
        link.symlink_to(path.resolve())
        options = {"data_files": {"train": str(link)}, "split": "train", "cache_dir": scratch, "keep_in_memory": True}
        with _quiet():
            table = cast("Dataset", _load(str(path), "csv", **options, **_csv_options(path, names)))
    return table.select_columns([name for name in names if not name.startswith(_UNREAD)])


def read_hub(name: str, config: str | None) -> DatasetDict:
    """Load every split of a Hub data set, or of a folder laid out like one, through the local Hub cache.

    Raises:
        DataError: it does not exist, needs (another) `config`, or the Hub cannot be reached and the cache lacks it.
    """
    if name.startswith(("/", ".", "~")) and not Path(name).is_dir():
        raise DataError(f"{name}: there is no such folder")
    return _load(f"{name}:{config}" if config else name, name, name=config)


def pick_split(tables: DatasetDict, name: str, config: str | None, split: str) -> Dataset:
    """Return one split of a loaded Hub data set; `train[:80%]` and `train+validation` mean what they do in `datasets`.

    Raises:
        DataError: there is no such split.
    """
    if split in tables:
        return tables[split]
    for part in split.split("+"):
        base = part.partition("[")[0].strip()
        if base not in tables:
            valid = ", ".join(map(str, tables))
            raise DataError(f"{name}: there is no split {base!r}{nearest(base, tables)} (there are: {valid})")
    return _load(f"{name}: split {split!r}", name, name=config, split=split)


def _load(source: str, *arguments: Any, **options: Any) -> Any:
    """Call `datasets.load_dataset`; whatever it can raise for bad input becomes a DataError about `source`."""
    import datasets
    from datasets.exceptions import DatasetsError

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Length of header or names")  # pandas drops surplus cells
            return datasets.load_dataset(*arguments, **options)
    except (DatasetsError, OSError, ValueError, RuntimeError, Warning) as error:
        if str(error).endswith("corresponds to no data!"):
            raise DataError(f"{source}: holds no examples") from error
        raise DataError(f"{source}: cannot be loaded: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """The innermost explanation of an error of `datasets`, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    if isinstance(error, ConnectionError):
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
        text += (
            " because HF_HUB_OFFLINE is set and the cache lacks it" if offline else "; check the network and the name"
        )
    return text


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep bars and log lines about a local file out of ptune's own output: reading is fast and failures are raised."""
    import datasets
    from datasets.utils import logging

    level, silent = logging.get_verbosity(), datasets.are_progress_bars_disabled()
    logging.set_verbosity(logging.CRITICAL)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if not silent:
            datasets.enable_progress_bars()


def _check_file(path: Path) -> None:
    if path.suffix.lower() not in _KINDS:
        hint = nearest(path.suffix.lower(), _KINDS)
        raise DataError(f"{path}: the suffix must be one of {', '.join(_KINDS)}, got {path.suffix!r}{hint}")
    if not path.exists():
        neighbours = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        missing = "" if path.parent.is_dir() else f": there is no folder {path.parent}"
        raise DataError(f"{path}: there is no such file{nearest(path.name, neighbours)}{missing}")
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not a file")
    if not path.is_file():
        raise DataError(f"{path}: is not an ordinary file")
    if not path.read_bytes().strip():
        raise DataError(f"{path}: holds no examples")


def _header(path: Path, columns: Collection[str] | None) -> list[str]:
    """The names of a csv or tsv file's columns, all different; those that cannot be asked for begin with `_UNREAD`.

    These have no name, as the index that pandas writes, or share it with another column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = next(filter(None, csv.reader(stream, **_dialect(path))))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be loaded: not UTF-8: {error}") from error
    except csv.Error as error:
        raise DataError(f"{path}: the header cannot be read: {error}") from error
    counts = Counter(header)
    repeated = sorted(name for name, count in counts.items() if count > 1 and (columns is None or name in columns))
    if repeated:
        raise DataError(f"{path}: the header names a column twice: {', '.join(map(repr, repeated))}")
    return [name if name and counts[name] == 1 else f"{_UNREAD}{index}" for index, name in enumerate(header)]


class _Dialect(TypedDict):
    """How a csv or tsv file separates its cells: arguments of `csv.reader` and of pandas."""

    delimiter: str
    quoting: Literal[0, 3]  # csv.QUOTE_MINIMAL, csv.QUOTE_NONE


def _dialect(path: Path) -> _Dialect:
    if path.suffix.lower() == ".tsv":
        return {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
    return {"delimiter": ",", "quoting": csv.QUOTE_MINIMAL}


def _csv_options(path: Path, names: list[str]) -> dict[str, Any]:
    from datasets import Features, Value

    cells_as_written = {"features": Features({name: Value("string") for name in names}), "keep_default_na": False}
    header = {"names": names, "header": 0, "index_col": False}
    return {**_dialect(path), **cells_as_written, **header, "encoding": "utf-8-sig"}
