"""Read job and space files, and report every problem at once as `file: [table].key: law, value given, nearest key`.

A job or a space may extend another file, and a job's own `[space]` table may extend a space file; see
`ptune.spec.extends`. The module knows TOML and the models of this folder. It imports neither torch nor ray, and reads
no data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ptune.errors import SpecError, nearest
from ptune.spec.budget import Budget
from ptune.spec.extends import Toml, TomlFile, chain_of, file_of_value, merged, over, read_chain
from ptune.spec.job import BackboneSpec, Export, Job, Tables, job_problems
from ptune.spec.kept import Kept, kept
from ptune.spec.objectives import Objectives
from ptune.spec.overrides import value_of
from ptune.spec.places import locate
from ptune.spec.prior import Prior
from ptune.spec.problem import Place, Problem
from ptune.spec.prompt_uri import is_uri
from ptune.spec.protocol import Published
from ptune.spec.resources import Resources
from ptune.spec.source import file_of
from ptune.spec.space import Space
from ptune.spec.strict import got
from ptune.spec.task import Task
from ptune.spec.texts import DEEPEST, absolute, unusable
from ptune.spec.tracking import Tracking


@dataclass(frozen=True)
class JobFile:
    """A job file that was read and is not yet checked.

    Attributes:
        path: the file.
        content: its tables over those of the files that it extends, its space read in, overrides set, paths absolute.
        chain: where they stand: in overrides, then file by file.
        spaces: the space's files, if it stands in files of its own; their tables are those of the job's `space`.
        kept: what is valid of the space.
        tables: those that are valid by themselves.
        problems: what keeps the others from being so, each `file: [table].key: law`.
    """

    path: Path
    content: Toml
    chain: Sequence[TomlFile]
    spaces: Sequence[TomlFile]
    kept: Kept
    tables: Tables
    problems: tuple[str, ...]

    def told(self, problems: Iterable[Problem]) -> list[str]:
        """The lines that report problems of the tables, each as `file: [table].key: law`."""
        return [
            f"{path}: {key}: {line}"
            for problem in problems
            for path, key in [self._where(self._original(problem.place))]
            for line in problem.text.splitlines()
        ]

    def _original(self, place: Place) -> Place:
        """The place in the whole job of a place in the tables, of which some may be left out."""
        return ("space", *self.kept.original(place[1:])) if place[:1] == ("space",) else place

    def _where(self, place: Place) -> tuple[Path, str]:
        """The file in which a value stands, and its key there."""
        file = file_of_value([*self.chain, *self.spaces], place)
        if file in self.spaces:
            return file.path, locate(Space, self.content["space"], place[1:])[0]
        return file.path, locate(Job, self.content, place)[0]

    def job(self) -> Job:
        """The job.

        Raises:
            SpecError: a table is not valid, or tables do not agree; the message has one line for each problem.
        """
        lines = [*self.problems, *self.told(job_problems(self.tables))]
        if lines:
            raise SpecError("\n".join(lines))
        return Job.model_validate(self.content)


def load_job(path: Path, overrides: Sequence[str] = ()) -> Job:
    """Read a job file, the files it extends and the space file it names.

    Args:
        path: the job's TOML file.
        overrides: `table.key=value` settings that replace the file's, values in TOML (bare words are strings); paths
            mean what they would mean in the file.

    Raises:
        SpecError: a file is missing or not TOML, or breaks a law; the message has one line for each problem.
    """
    return read_job(path, overrides).job()


def read_job(path: Path, overrides: Sequence[str] = ()) -> JobFile:
    """Read a job file as `load_job` does, even if it breaks laws.

    Raises:
        SpecError: a file is missing or not TOML, or an override cannot be set; one line for each problem.
    """
    return _read(read_chain(path), overrides)


def read_tables(tables: Toml, overrides: Sequence[str] = ()) -> JobFile:
    """Read tables in memory, even if they break laws. Paths in them are relative to the working directory.

    Args:
        tables: the content of a job's file; the call changes them.
        overrides: as for `load_job`.

    Raises:
        SpecError: a file that they extend is missing or not TOML, or an override cannot be set.
    """
    return _read(chain_of(Path("job"), tables), overrides)


def _read(chain: list[TomlFile], overrides: Sequence[str]) -> JobFile:
    path = chain[0].path
    content, chain = _merged_tables(chain, overrides)
    lines: list[str] = []
    spaces: list[TomlFile] = []
    try:
        if "space" in content:
            content["space"], spaces = _space_of(content["space"])
    except SpecError as error:
        lines += str(error).splitlines()
        content["space"] = None
    space = kept(content["space"]) if isinstance(content.get("space"), dict) else Kept()
    tables = _valid_tables(content, space)
    lines += _told_of_space(chain, spaces, content, space.issues)
    try:
        Job.model_validate(content if not (lines or space.space) else {**content, "space": {"parameters": {}}})
    except ValidationError as error:
        of_tables = [issue for issue in error.errors() if getattr(tables, str(issue["loc"][0]), None) is None]
        lines += _told(chain, Job, content, of_tables)
    return JobFile(path, content, chain, spaces, space, tables, tuple(lines))


def _told_of_space(
    chain: Sequence[TomlFile], spaces: Sequence[TomlFile], content: Toml, issues: Sequence[ErrorDetails]
) -> list[str]:
    """One line for each issue of a job's space, in the file where its value stands."""
    of_files, of_job = [], []
    for issue in issues:
        place = ("space", *issue["loc"])
        if file_of_value([*chain, *spaces], place) in spaces:
            of_files.append(issue)
        else:
            of_job.append(ErrorDetails(**{**issue, "loc": place}))
    files = [TomlFile(file.path, file.tables["space"]) for file in spaces]
    return [*_told(chain, Job, content, of_job), *_told(files, Space, content.get("space"), of_files)]


_TABLES: dict[str, TypeAdapter[Any]] = {
    "backbone": TypeAdapter(BackboneSpec),
    "task": TypeAdapter(Task),
    "start": TypeAdapter(str),
    "prior": TypeAdapter(Prior),
    "objectives": TypeAdapter(Objectives),
    "budget": TypeAdapter(Budget),
    "resources": TypeAdapter(Resources),
    "tracking": TypeAdapter(Tracking),
    "export": TypeAdapter(Export),
    "published": TypeAdapter(list[Published]),
}


def _valid_tables(content: Toml, space: Kept) -> Tables:
    """The tables that are valid by themselves."""
    valid: dict[str, Any] = {}
    for name, table in _TABLES.items():
        with suppress(ValidationError):
            valid[name] = table.validate_python(content.get(name))
    seed = content.get("seed") if content.get("data_seed") is None else content["data_seed"]
    drawing_seed = seed if isinstance(seed, int) else 0
    return Tables(**valid, space=space.space, dropped=frozenset(space.dropped), drawing_seed=drawing_seed)


def load_space(path: Path) -> Space:
    """Read a search-space file and the files it extends.

    Raises:
        SpecError: a file is missing or not TOML, or breaks a law; the message has one line for each problem.
    """
    chain = read_chain(path)
    content = merged(chain, _space_over)
    found = kept(content)
    if found.issues or found.space is None:
        raise SpecError("\n".join(_told(chain, Space, content, found.issues)))
    return found.space


_JOB_OVER = partial(over, whole=("space",))


def _merged_tables(chain: list[TomlFile], overrides: Sequence[str]) -> tuple[Toml, list[TomlFile]]:
    """A job's tables with overrides set and absolute paths, and their sources: the overrides, then file by file.

    If the space is a file, it becomes a table that extends the file, so that overrides can reach into it.
    """
    path = chain[0].path
    for file in chain:
        _absolute_paths(file.tables, file.path.parent)
    content = merged(chain, _JOB_OVER)
    _space_as_table(content)
    name = content.get("name")
    problems = [problem for text in overrides if (problem := _override(content, text))]
    if problems:
        raise SpecError("\n".join(problems))
    if isinstance(name, str) and content["name"] != name:
        _keep_experiment(content, name)
    _space_as_table(content)  # an override may name another file
    _absolute_paths(content, path.parent)
    settings: Toml = {}
    for text in overrides:
        _override(settings, text)
    return content, [TomlFile(path, settings), *chain]


def _space_as_table(content: Toml) -> None:
    if isinstance(content.get("space"), str):
        content["space"] = {"extends": content["space"]}


def _keep_experiment(content: Toml, name: str) -> None:
    """Leave a job that is renamed in the experiment of its file's name, beside the other searches of that file."""
    tracking = content.setdefault("tracking", {})
    if isinstance(tracking, dict):
        tracking.setdefault("experiment", name)


def _space_of(written: Any) -> tuple[Any, list[TomlFile]]:
    """The tables of a job's space, over those of the files that it extends; and these files, as parts of a job."""
    if not isinstance(written, dict) or not isinstance(written.get("extends"), str):
        return written, []
    upper = {key: value for key, value in written.items() if key != "extends"}
    chain = read_chain(Path(written["extends"]))
    files = [TomlFile(file.path, {"space": file.tables}) for file in chain]
    return _space_over(upper, merged(chain, _space_over)), files


def _space_over(upper: Toml, lower: Toml) -> Toml:
    """One space over another: a parameter's definitions replace those below, and so do the baseline points."""
    result = lower | upper
    above, below = upper.get("parameters"), lower.get("parameters")
    if isinstance(above, dict) and isinstance(below, dict):
        result["parameters"] = below | above
    return result


def _override(content: Toml, text: str) -> str | None:
    key, equals, raw = text.partition("=")
    *tables, last = (name.strip() for name in key.split("."))
    if not equals or not all([*tables, last]) or len(tables) > DEEPEST:
        return f"--set {_shortened(text)}: write table.key=value"
    value = value_of(raw)
    if problem := next(unusable({key.strip(): value}), None):
        return f"--set {problem}"
    for name in tables:
        content = content.setdefault(name, {})
        if not isinstance(content, dict):
            return f"--set {_shortened(text)}: {name} is not a table"
    content[last] = value
    return None


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}..."


def _absolute_paths(content: Toml, folder: Path) -> None:
    """Make the file paths of a job absolute, so that the job means the same from every working directory."""
    task = content.get("task")
    if isinstance(task, dict):
        for data in [task.get("data"), *_list(task.get("more"))]:
            _absolute_data(data, folder)
    _make_absolute(content, "start", folder, lambda text: bool(text) and not is_uri(text))
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
    """The URI with an absolute file, if it is SQLite's with a relative one (three slashes); any other URI unchanged."""
    scheme, slashes, name = uri.partition(":///")
    if not scheme.startswith("sqlite") or not name or name.startswith(("/", ":", "file:", "${")):
        return uri
    return f"{scheme}{slashes}{absolute(folder, name)}"


def _make_absolute(table: Toml, key: str, folder: Path, applies: Callable[[str], bool]) -> None:
    if isinstance(table.get(key), str) and applies(table[key]):
        table[key] = str(absolute(folder, table[key]))


def _told(chain: Sequence[TomlFile], model: type[BaseModel], content: Any, issues: Sequence[ErrorDetails]) -> list[str]:
    """One line for each of pydantic's issues. The issues of a union's members at one place share a line."""
    by_key: dict[tuple[Path, str, str], dict[str, str]] = {}
    for issue in issues:
        key, law, value = _problem(model, content, issue)
        apart = law if issue["type"] == "law" else ""
        by_key.setdefault((file_of_value(chain, issue["loc"]).path, key, apart), {})[law] = value
    lines = []
    for (path, key, _), laws in by_key.items():
        first, *further = laws
        law = " or ".join([first, *(alternative.removeprefix(_PYDANTIC) for alternative in further)])
        lines.append(f"{path}: {key}: {law}{max(laws.values(), key=len)}")
    return lines


_PYDANTIC = "Input should be "


def _tag(issue: ErrorDetails) -> str:
    """The key that tells the members of a union apart: one of their fields, or what a function reads as `kind`."""
    tag: str = issue["ctx"]["discriminator"].strip("'")
    return "kind" if tag.endswith("()") else tag


def _problem(model: type[BaseModel], content: Any, issue: ErrorDetails) -> tuple[str, str, str]:
    """The key of an issue, the law that it breaks, and the value given with the nearest valid one."""
    key, valid = locate(model, content, issue["loc"])
    context, value = issue.get("ctx", {}), issue["input"]
    match issue["type"]:
        case "extra_forbidden":
            unknown = nearest(str(issue["loc"][-1]), valid)
            return key, f"unknown key{unknown} (valid: {', '.join(sorted(valid))})", ""
        case "missing":
            return key, "required, and missing", ""
        case "law":
            return key, issue["msg"], ""
        case "union_tag_invalid":
            law = f"{_PYDANTIC}one of {context['expected_tags']}"
            return f"{key}.{_tag(issue)}", law, got(context["tag"], context["expected_tags"])
        case "union_tag_not_found":
            written = value.get(_tag(issue)) if isinstance(value, dict) else value
            law = f"{_PYDANTIC}a string" if isinstance(value, dict) else f"{_PYDANTIC}a table"
            return f"{key}.{_tag(issue)}" if isinstance(value, dict) else key, law, got(written)
        case "model_type" | "model_attributes_type" | "dict_type":
            return key, f"{_PYDANTIC}a table", got(value)
        case "value_error":
            law = issue["msg"].removeprefix("Value error, ")
            return key, law, "" if "got" in law or isinstance(value, dict) else got(value)
        case _:
            return key, issue["msg"], got(value, context.get("expected", ""))
