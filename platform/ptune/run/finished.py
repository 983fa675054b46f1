"""What a complete search still lacks. A crash may come between its last event and its last file."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from ptune.record.history import History
from ptune.run.conclusion import ARTIFACT
from ptune.run.folders import is_running
from ptune.run.inbox import is_asked_for_more
from ptune.run.search import RESULT


def lacking(folder: Path, history: History) -> list[str] | None:
    """The files that a complete search lacks, by name; None if it is not complete, is asked for more, or runs."""
    if history.status != "complete" or is_running(folder) or is_asked_for_more(folder, history):
        return None
    names = [RESULT] if result_of(folder).get("status") != "complete" else []
    return [ARTIFACT, *names] if history.best is not None and not (folder / ARTIFACT).is_dir() else names


def result_of(folder: Path) -> dict[str, Any]:
    """What the search came to, as its folder holds it; empty if it does not, or holds something else."""
    with contextlib.suppress(OSError, ValueError):
        content = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    return {}
