"""Read job and space files; report every problem at once as `file: [table].key: law, value given, nearest key`.

Knows TOML and the models of this folder; imports neither torch nor ray, and looks at no data.
"""

from __future__ import annotations

import tomllib
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ptune.errors import SpecError, nearest
from ptune.spec.job import Job
from ptune.spec.space import Space


def load_job(path: Path, overrides: Sequence[str] = ()) -> Job:
    """Read a job file and the space file it names.

    Args:
        path: the job's TOML file.
        overrides: `table.key=value` settings that replace the file's, values in TOML (bare words are strings).

    Raises:
        SpecError: the file is missing or not TOML, or breaks a law; the message has one line for each problem.
    """
    content = _read_toml(path)
    problems = [problem for text in overrides if (problem := _override(content, text))]
    if problems:
        raise SpecError("\n".join(problems))
    space = content.get("space")
    if isinstance(space, str):
        space_path = (path.parent / space).resolve()
        try:
            content["space"] = load_space(space_path).model_dump()
        except SpecError as error:
            problems.append(str(error))
            content["space"] = {"parameters": {}}
    _absolute_paths(content, path.parent)
    try:
        job = Job.model_validate(content)
    except ValidationError as error:
        problems += _problems(path, Job, error)
    if problems:
        raise SpecError("\n".join(problems))
    return job


def load_space(path: Path) -> Space:
    """Read a search-space file.

    Raises:
        SpecError: the file is missing or not TOML, or breaks a law; the message has one line for each problem.
    """
    try:
        return Space.model_validate(_read_toml(path))
    except ValidationError as error:
        raise SpecError("\n".join(_problems(path, Space, error))) from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        beside = [other.name for other in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        raise SpecError(f"{path}: no such file{nearest(path.name, beside)}") from None
    except IsADirectoryError:
        raise SpecError(f"{path}: is a folder, not a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: not valid TOML: {error}") from None


def _override(content: dict[str, Any], text: str) -> str | None:
    key, equals, raw = text.partition("=")
    if not equals or not key.strip():
        return f"--set {text}: write table.key=value"
    try:
        value = tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        value = raw
    *tables, last = key.strip().split(".")
    for name in tables:
        content = content.setdefault(name, {})
        if not isinstance(content, dict):
            return f"--set {text}: {name} is not a table"
    content[last] = value
    return None


def _absolute_paths(content: dict[str, Any], folder: Path) -> None:
    """Make the file paths of a job absolute, so that the job means the same from every working directory."""
    data = content.get("task", {}).get("data", {}) if isinstance(content.get("task"), dict) else {}
    if isinstance(data, dict) and not data.get("source"):
        for split in ("train", "dev", "test"):
            if isinstance(data.get(split), str):
                data[split] = str((folder / data[split]).resolve())
    backbone = content.get("backbone")
    if isinstance(backbone, dict) and isinstance(backbone.get("id"), str) and backbone["id"].startswith((".", "/", "~")):
        backbone["id"] = str((folder / Path(backbone["id"]).expanduser()).resolve())


def _problems(path: Path, model: type[BaseModel], error: ValidationError) -> list[str]:
    return [_problem(path, model, issue) for issue in error.errors()]


def _problem(path: Path, model: type[BaseModel], issue: Mapping[str, Any]) -> str:
    keys, valid = _walk(model, issue["loc"])
    place = _place(keys)
    if issue["type"] == "extra_forbidden":
        return f"{path}: {place}: unknown key{nearest(str(keys[-1]), valid)} (valid: {', '.join(sorted(valid))})"
    if issue["type"] == "missing":
        return f"{path}: {place}: required, and missing"
    message = issue["msg"].removeprefix("Value error, ")
    given = "" if isinstance(issue["input"], dict) or "got" in message else f", got {issue['input']!r}"
    return f"{path}: {place}: {message}{given}"


def _place(keys: Sequence[str | int]) -> str:
    *tables, last = [str(key) for key in keys] or ["file"]
    return f"[{'.'.join(tables)}].{last}" if tables else last


def _walk(model: type[BaseModel], loc: Sequence[str | int]) -> tuple[list[str | int], list[str]]:
    """Follow an error's location through the models: its keys without union tags, and the valid keys at its end."""
    keys: list[str | int] = []
    current: Any = model
    valid: list[str] = []
    for step in loc:
        union = _members(current)
        tagged = [member for member in union if step in _tags(member)]
        if tagged:
            current = tagged[0]
            continue
        models = [member for member in union if isinstance(member, type) and issubclass(member, BaseModel)]
        valid = [name for member in models for name in member.model_fields]
        keys.append(step + 1 if isinstance(step, int) else step)
        fields = [member.model_fields[step] for member in models if step in member.model_fields]
        current = fields[0].annotation if fields else _item(current)
    return keys, valid


def _members(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for member in get_args(annotation) for inner in _members(member)]
    return [annotation]


def _tags(member: Any) -> set[str]:
    """What pydantic calls one member of a union in an error's location."""
    if not isinstance(member, type) or not issubclass(member, BaseModel):
        return {getattr(member, "__name__", str(member)), str(member)}
    return {str(field.default) for name, field in member.model_fields.items() if name in ("type", "method")}


def _item(annotation: Any) -> Any:
    arguments = get_args(_members(annotation)[0])
    return arguments[-1] if arguments else None
