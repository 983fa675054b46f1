"""A job as one complete TOML text, which travels to a cluster in place of files that name each other."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ptune.spec.job import Job

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def job_toml(job: Job) -> str:
    """The job with its space inside; `ptune.spec.load.load_job` reads the same job from it."""
    return "\n".join(_table(job.model_dump(mode="json"), ())) + "\n"


def _table(content: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    """Lines of one table: its values, then its tables. TOML has no null, so None is left out."""
    tables = {key: value for key, value in content.items() if isinstance(value, Mapping)}
    values = {key: value for key, value in content.items() if key not in tables and value is not None}
    lines = ["", f"[{'.'.join(map(_key, path))}]"] if path else []
    lines += [f"{_key(key)} = {toml_value(value)}" for key, value in values.items()]
    return lines + [line for key, table in tables.items() for line in _table(table, (*path, key))]


def toml_value(value: Any) -> str:
    """A number, a boolean, a string, a list or a mapping on one line."""
    if isinstance(value, Mapping):
        pairs = (f"{_key(key)} = {toml_value(inner)}" for key, inner in value.items() if inner is not None)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return _plain(value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _plain(name)


def _plain(value: Any) -> str:
    """A number, a boolean or a string, which JSON and TOML write alike but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
