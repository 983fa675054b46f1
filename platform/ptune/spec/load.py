"""Read job and space files; report every problem at once as `file: [table].key: law, value given, nearest key`.

A job or a space may extend another file, and a job's own `[space]` table a space file; see `ptune.spec.extends`.
Knows TOML and the models of this folder; imports neither torch nor ray, and looks at no data.
"""

from __future__ import annotations

import tomllib
import types
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ptune.errors import SpecError, nearest
from ptune.spec.data import file_of
from ptune.spec.extends import Toml, TomlFile, chain_of, file_with, merged, over, read_chain
from ptune.spec.job import Job
from ptune.spec.space import Space
from ptune.spec.strict import got


def load_job(path: Path, overrides: Sequence[str] = ()) -> Job:
    """Read a job file, the files it extends and the space file it names.

    Args:
        path: the job's TOML file.
        overrides: `table.key=value` settings that replace the file's, values in TOML (bare words are strings); paths
            mean what they would in the file.

    Raises:
        SpecError: a file is missing or not TOML, or breaks a law; the message has one line for each problem.
    """
    return _checked(*_read_job(read_chain(path), overrides))


def job_from_tables(tables: Toml, overrides: Sequence[str] = ()) -> Job:
    """A job from tables in memory; paths in them are relative to the working directory.

    Args:
        tables: what a job's file would hold; changed by the call.
        overrides: as for `load_job`.

    Raises:
        SpecError: a law is broken; the message has one line for each problem, with `job` in place of a file.
    """
    return _checked(*_read_job(chain_of(Path("job"), tables), overrides))


def _checked(content: Toml, chain: list[TomlFile]) -> Job:
    """The job that a file's tables make.

    Raises:
        SpecError: they break a law; the message has one line for each problem.
    """
    problems = []
    try:
        content["space"] = _space_of(content.get("space"))
    except SpecError as error:
        problems.append(str(error))
        content["space"] = {"parameters": {}}
    try:
        job = Job.model_validate(content)
    except ValidationError as error:
        problems += _problems(chain, Job, content, error)
    if problems:
        raise SpecError("\n".join(problems))
    return job


def read_tables(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read a job file's tables, not yet checked: over those of the files it extends, overrides set, paths absolute.

    Raises:
        SpecError: a file is missing or not TOML, or an override cannot be set; one line for each problem.
    """
    return _read_job(read_chain(path), overrides)[0]


def load_space(path: Path) -> Space:
    """Read a search-space file and the files it extends.

    Raises:
        SpecError: a file is missing or not TOML, or breaks a law; the message has one line for each problem.
    """
    chain = read_chain(path)
    content = merged(chain, _space_over)
    try:
        return Space.model_validate(content)
    except ValidationError as error:
        raise SpecError("\n".join(_problems(chain, Space, content, error))) from None


_JOB_OVER = partial(over, whole=("space",))


def _read_job(chain: list[TomlFile], overrides: Sequence[str]) -> tuple[Toml, list[TomlFile]]:
    """The tables of a job, overrides set and paths absolute; and where they stand: in overrides, then file by file.

    A space that is a file becomes a table that extends it, so that overrides can reach into it.
    """
    path = chain[0].path
    for file in chain:
        _absolute_paths(file.tables, file.path.parent)
    content = merged(chain, _JOB_OVER)
    if isinstance(content.get("space"), str):
        content["space"] = {"extends": content["space"]}
    problems = [problem for text in overrides if (problem := _override(content, text))]
    if problems:
        raise SpecError("\n".join(problems))
    _absolute_paths(content, path.parent)
    stated: dict[str, Any] = {}
    for text in overrides:
        _override(stated, text)
    return content, [TomlFile(path, stated), *chain]


def _space_of(stated: Any) -> Any:
    """The tables of a job's space: a file's, its own, or its own over those of the file that it extends."""
    if isinstance(stated, str):
        return load_space(Path(stated)).model_dump()
    if isinstance(stated, dict) and isinstance(stated.get("extends"), str):
        own = {key: value for key, value in stated.items() if key != "extends"}
        return _space_over(own, load_space(Path(stated["extends"])).model_dump())
    return stated


def _space_over(upper: dict[str, Any], lower: dict[str, Any]) -> dict[str, Any]:
    """One space over another: each parameter's definitions replace those below, and so do baseline points."""
    result = lower | upper
    above, below = upper.get("parameters"), lower.get("parameters")
    if isinstance(above, dict) and isinstance(below, dict):
        result["parameters"] = below | above
    return result


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
    task = content.get("task")
    if isinstance(task, dict):
        for data in [task.get("data"), *_list(task.get("more"))]:
            _absolute_data(data, folder)
    _make_absolute(content, "start", folder, bool)
    _make_absolute(content, "space", folder, bool)
    if isinstance(content.get("space"), dict):
        _make_absolute(content["space"], "extends", folder, bool)
    if isinstance(content.get("backbone"), dict):
        _make_absolute(content["backbone"], "id", folder, lambda text: _is_path(text) or _is_folder(folder, text))
    tracking = content.get("tracking")
    if isinstance(tracking, dict) and isinstance(tracking.get("uri"), str):
        tracking["uri"] = _absolute_database(tracking["uri"], folder)


def _absolute_data(data: Any, folder: Path) -> None:
    """Make the files of one data set absolute."""
    if not isinstance(data, dict):
        return
    _make_absolute(data, "vocabulary", folder, bool)
    if "source" in data:
        _make_absolute(data, "source", folder, _is_path)
        return
    for split in ("train", "dev", "test"):
        _make_absolute(data, split, folder, lambda text: bool(Path(file_of(text)).suffix))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_path(text: str) -> bool:
    return text.startswith((".", "/", "~"))


def _is_folder(folder: Path, text: str) -> bool:
    """Whether a name that could be a Hub id is a folder beside the job file."""
    return bool(text) and (folder / text).is_dir()


def _absolute_database(uri: str, folder: Path) -> str:
    """An SQLite URI with three slashes names a relative file; other URIs stay."""
    scheme, slashes, name = uri.partition(":///")
    if not scheme.startswith("sqlite") or not name or name.startswith(("/", ":", "file:")):
        return uri
    return f"{scheme}{slashes}{(folder / name).resolve()}"


def _make_absolute(table: dict[str, Any], key: str, folder: Path, applies: Callable[[str], bool]) -> None:
    if isinstance(table.get(key), str) and applies(table[key]):
        table[key] = str((folder / Path(table[key]).expanduser()).resolve())


def _problems(chain: Sequence[TomlFile], model: type[BaseModel], content: Any, error: ValidationError) -> list[str]:
    """One line for each problem; the members of a union each say what they wanted, and share a line."""
    wanted: dict[tuple[Path, str, str], dict[str, str]] = {}
    for issue in error.errors():
        place, law, value = _problem(model, content, issue)
        alone = law if issue["type"] == "law" else ""
        wanted.setdefault((file_with(chain, issue["loc"]), place, alone), {})[law] = value
    lines = []
    for (path, place, _), laws in wanted.items():
        first, *others = laws
        law = " or ".join([first, *(other.removeprefix(_PYDANTIC) for other in others)])
        lines.append(f"{path}: {place}: {law}{max(laws.values(), key=len)}")
    return lines


_PYDANTIC = "Input should be "


def _problem(model: type[BaseModel], content: Any, issue: Mapping[str, Any]) -> tuple[str, str, str]:
    """Where an issue is, the law it breaks, and the value given with the nearest valid one."""
    place, valid = _locate(model, content, issue["loc"])
    context, value = issue.get("ctx", {}), issue["input"]
    match issue["type"]:
        case "extra_forbidden":
            key = str(issue["loc"][-1])
            return place, f"unknown key{nearest(key, valid)} (valid: {', '.join(sorted(valid))})", ""
        case "missing":
            return place, "required, and missing", ""
        case "law":
            return place, issue["msg"], ""
        case "union_tag_invalid":
            law = f"{_PYDANTIC}one of {context['expected_tags']}"
            key = context["discriminator"].strip("'")
            return f"{place}.{key}", law, got(context["tag"], context["expected_tags"])
        case "model_type" | "model_attributes_type" | "dict_type":
            return place, f"{_PYDANTIC}a table", got(value)
        case "value_error":
            law = issue["msg"].removeprefix("Value error, ")
            return place, law, "" if "got" in law or isinstance(value, dict) else got(value)
        case _:
            return place, issue["msg"], got(value, context.get("expected", ""))


def _locate(model: type[BaseModel], content: Any, loc: Sequence[str | int]) -> tuple[str, list[str]]:
    """Follow an error's location through models and content: the place as TOML has it, and its valid keys."""
    keys: list[str] = []
    current: Any = model
    valid: list[str] = []
    for step in loc:
        members = _members(current)
        models = [member for member in members if isinstance(member, type) and issubclass(member, BaseModel)]
        tagged = [member for member in models if step in _tags(member)]
        if tagged:
            current = tagged[0]
        elif models:
            fields = [member.model_fields[step] for member in models if step in member.model_fields]
            valid = [name for member in models for name in member.model_fields]
            current = fields[0].annotation if fields else None
            keys.append(str(step))
            content = content.get(step) if isinstance(content, dict) else None
        elif isinstance(step, int) or any(get_origin(member) is dict for member in members):
            current = _item(members)
            content = _enter(content, step, keys)
        # otherwise the step names a member of a union of plain values: the author sees no such level
    is_table = any(isinstance(member, type) and issubclass(member, BaseModel) for member in _members(current))
    *tables, last = keys or ["file"]
    if is_table:
        return f"[{'.'.join(keys)}]" if keys else last, valid
    return f"[{'.'.join(tables)}].{last}" if tables else last, valid


def _enter(content: Any, step: str | int, keys: list[str]) -> Any:
    """Go one level into a list or a dictionary; a lone table that stands for a list of one adds no level."""
    if isinstance(step, int) and not isinstance(content, list):
        return content
    keys.append(str(step + 1 if isinstance(step, int) else step))
    try:
        return content[step]
    except (KeyError, IndexError, TypeError):
        return None


def _members(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for member in get_args(annotation) for inner in _members(member)]
    return [annotation]


def _tags(model: type[BaseModel]) -> set[str]:
    """What pydantic calls one model of a union in an error's location."""
    fields = [field for name, field in model.model_fields.items() if name in ("type", "method", "kind")]
    return {str(tag) for field in fields for tag in get_args(field.annotation)}


def _item(members: list[Any]) -> Any:
    """What a list or a dictionary among the members of a union holds."""
    return next((get_args(member)[-1] for member in members if get_origin(member) in (list, dict)), None)
