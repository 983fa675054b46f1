"""Data files that a test spells out."""

from pathlib import Path


def write(path: Path, content: str) -> str:
    """Write a file; its path as a job has it."""
    path.write_text(content, encoding="utf-8")
    return str(path)
