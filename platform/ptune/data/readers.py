"""Read one file or one Hub data set into a `Table`, or say in one line why that cannot be.

Training, validating and predicting read files here alone. Knows formats and places; knows nothing of texts, labels or
tasks. The `datasets` library is imported when the Hub is read, because importing it takes seconds.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptune.data.bad_rows import BadRow, BadRows, BadRowsError, left_out
from ptune.data.conll import read_tagged
from ptune.data.csv_table import read_csv
from ptune.data.json_table import read_json
from ptune.data.parquet_table import read_parquet
from ptune.data.table import Table
from ptune.data.text_file import SUFFIXES, TAGGED, check_there, contents, unpacked_suffix
from ptune.errors import DataError, nearest
from ptune.spec.source import Source

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

_PACKED = (".gz", ".zip")


@dataclass(frozen=True)
class Reading:
    """How files are read.

    Attributes:
        tagged: text files hold a tagged word on each line.
        encoding: their encoding; None is what a byte order mark says, and UTF-8 without one.
        delimiter: what stands between the cells of csv and tsv files; None is found out.
        skip: rows that cannot be read are left out, and said.
    """

    tagged: bool = False
    encoding: str | None = None
    delimiter: str | None = None
    skip: bool = False

    @classmethod
    def of(cls, data: Source) -> Reading:
        """How a job's files are read."""
        return cls(data.tagged, data.encoding, data.delimiter, data.on_bad_row == "skip")


def read_file(path: Path, columns: Collection[str] | None = None, reading: Reading | None = None) -> Table:
    """Read a csv, tsv, jsonl, json (an array of objects, or SQuAD's one object), parquet or conll file into memory.

    Any of them may be compressed, as `.gz` or as a `.zip` of one file. The cells of csv and tsv files are strings, as
    written: nothing becomes a number, and `NA` or `null` stay words. Files of tagged words (conll, annotated, txt)
    become a table with the columns `words` and `tags`, see `ptune.data.conll`.

    Args:
        path: the file.
        columns: the columns whose values are needed. Whatever stands in other columns, it cannot stop the reading;
            they are null or left out. None needs all.
        reading: how it is read; None is as a file of unknown content.

    Raises:
        DataError: the file is missing, of another kind, empty, or not what its suffix says.
    """
    reading = reading or Reading()
    check_there(path)
    if unpacked_suffix(path) == ".parquet" and path.suffix.lower() == ".parquet":
        return read_parquet(path, columns)
    content = contents(path)
    _check_kind(path, content.kind)
    if content.kind == ".parquet":
        raise DataError(f"{path}: parquet is compressed by itself; unpack it")
    text = content.text(reading.encoding)
    bad: list[BadRow] = []
    if content.kind == ".conll" or (content.kind in (".tsv", *TAGGED) and reading.tagged):
        return read_tagged(path, text)
    if content.kind in (".json", ".jsonl"):
        table, bad = read_json(path, text, columns, tagged=reading.tagged, skip=reading.skip)
    else:
        table, bad = read_csv(content, text, columns, reading.delimiter)
    if not bad:
        return table
    rows = len(table) + len(bad)
    if not reading.skip:
        raise BadRowsError.of([BadRows(str(path), bad, rows)])
    return replace(table, notes=(*table.notes, left_out(str(path), bad, rows)))


def _check_kind(path: Path, kind: str) -> None:
    if kind not in SUFFIXES:
        valid = f"{', '.join(SUFFIXES)}, or one of these with {' or '.join(_PACKED)} behind it"
        raise DataError(f"{path}: the suffix must be one of {valid}, got {kind!r}{nearest(kind, SUFFIXES)}")


def table_of(data_set: Dataset, columns: Collection[str]) -> Table:
    """A split of a Hub data set, with the columns that are needed; all others are null.

    Raises:
        DataError: a value cannot be read.
    """
    nulls = [None] * len(data_set)
    names = data_set.column_names
    try:
        read = {name: data_set[name][:] if name in columns else nulls for name in names}
    except (OSError, ValueError, ImportError) as error:
        raise DataError(f"cannot be read: {error}") from error
    found = {name: _label_names(data_set.features[name]) for name in names}
    return Table(read, len(data_set), declared={name: labels for name, labels in found.items() if labels})


def _label_names(feature: Any) -> list[str] | None:
    names: list[str] | None = getattr(feature, "names", None) or getattr(
        getattr(feature, "feature", None), "names", None
    )
    return names


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
