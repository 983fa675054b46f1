"""Data files that a test spells out."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow.parquet import write_table


def write(path: Path, content: str) -> str:
    """Write a file; its path as a job has it."""
    path.write_text(content, encoding="utf-8")
    return str(path)


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """A zip of some files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def parquet(columns: Mapping[str, Sequence[Any]], classes: Mapping[str, Sequence[str]] | None = None) -> bytes:
    """A parquet file, with the names of the classes that some columns number as the Hub's library notes them."""
    table, stream = pa.table(dict(columns)), io.BytesIO()
    if classes is not None:
        features = {name: {"names": list(names), "_type": "ClassLabel"} for name, names in classes.items()}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    write_table(table, stream)
    return stream.getvalue()
