"""The tasks that ship with ptune: `builtin:NAME` is the folder `builtin/NAME` beside this file.

A task is three TSV files, `train.tsv`, `dev.tsv` and `test.tsv`, with the columns `text` and `label`. To add one,
add its folder: nothing else lists them.
"""

from __future__ import annotations

from pathlib import Path

from ptune.errors import DataError, nearest

PREFIX = "builtin:"

_FOLDER = Path(__file__).parent / "builtin"


def names(folder: Path = _FOLDER) -> list[str]:
    """The names of the built-in tasks, sorted."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def split_file(source: str, split: str, folder: Path = _FOLDER) -> Path:
    """Return the file of one split of a built-in task.

    Args:
        source: `builtin:NAME`.
        split: `train`, `dev` or `test`.
        folder: where the tasks lie.

    Raises:
        DataError: there is no such task, or it has no such split.
    """
    name = source.removeprefix(PREFIX)
    data_sets = names(folder)
    if name not in data_sets:
        hint = nearest(name, data_sets)
        raise DataError(
            f"{source}: there is no built-in task {name!r}{hint} (there are: {', '.join(data_sets) or 'none'})"
        )
    splits = sorted(path.stem for path in (folder / name).glob("*.tsv"))
    if split not in splits:
        hint = nearest(split, splits)
        raise DataError(f"{source}: there is no split {split!r}{hint} (there are: {', '.join(splits)})")
    return folder / name / f"{split}.tsv"
