"""The tables of learning curves that ship with ptune, by name.

They are the parquet files in the folder `tables` beside this file; its README says what they hold. To add one, add its
file: nothing else lists them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ptune.errors import NotFoundError, nearest
from ptune.record.curve_table import CurveTable, read_table

_FOLDER = Path(__file__).parent / "tables"
SUFFIX = ".parquet"


def names(folder: Path = _FOLDER) -> list[str]:
    """Their names, sorted."""
    return sorted(path.stem for path in folder.glob(f"*{SUFFIX}"))


def no_table(name: str) -> str:
    """What is said of a name that no table has."""
    return f"no table {name!r}{nearest(name, names())} (they are: {', '.join(names())})"


@cache
def shipped_table(name: str) -> CurveTable:
    """The table of a name.

    Raises:
        NotFoundError: none has that name.
    """
    if name not in names():
        raise NotFoundError(no_table(name))
    return read_table(_FOLDER / f"{name}{SUFFIX}")
