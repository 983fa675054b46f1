"""Tables of learning curves, by name: those that ship with ptune, files, and the searches of a runs folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ptune.errors import NotFoundError, SpecError
from ptune.record.curve_table import CurveTable, read_table, table_of
from ptune.record.history import History
from ptune.record.journal import JOURNAL, read
from ptune.record.shipped_tables import SUFFIX, names, no_table, shipped_table
from ptune.run.folders import search_folder


def load_table(named: str, runs: Path) -> CurveTable:
    """The table of a name: one that ships with ptune, a parquet file, or a finished search.

    Args:
        named: the name or the path.
        runs: the runs folder.

    Raises:
        NotFoundError: there is nothing of that name.
        DataError: the file holds no table.
        SpecError: no trial of the search has trained to its horizon.
    """
    if named in names():
        return shipped_table(named)
    if named.endswith(SUFFIX):
        if not Path(named).is_file():
            raise NotFoundError(f"{named}: there is no such file (tables that ship with ptune: {', '.join(names())})")
        return read_table(Path(named))
    try:
        return record_curves([named], runs)
    except NotFoundError as error:
        raise NotFoundError(f"{no_table(named)}; {error}") from error


def record_curves(searches: Sequence[str], runs: Path, task: str | None = None) -> CurveTable:
    """The curves of finished searches as one table.

    Args:
        searches: their names in the runs folder.
        runs: the runs folder.
        task: what people call the task; None is the source of its data.

    Raises:
        NotFoundError: there is no search of one of the names.
        SpecError: the searches differ in what they trained, or no trial has trained to the horizon.
    """
    if repeated := sorted({name for name in searches if searches.count(name) > 1}):
        raise SpecError(f"a table has each search once, got {', '.join(repeated)} more than once")
    return table_of((History.of(read(search_folder(runs, name) / JOURNAL)) for name in searches), task)
