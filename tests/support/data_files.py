"""Data files that a test spells out."""

import io
import zipfile
from pathlib import Path


def write(path: Path, content: str) -> str:
    """Write a file; its path as a job has it."""
    path.write_text(content, encoding="utf-8")
    return str(path)


def zipped(members: dict[str, str]) -> bytes:
    """A zip of some files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()
