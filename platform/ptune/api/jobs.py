"""A job as people give it: a path, a dictionary or a `Job`, with settings over it. Knows no run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ptune.api.arguments import as_settings
from ptune.errors import SpecError

if TYPE_CHECKING:
    from ptune.spec.job import Job

JobSource: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any] | Job"
"""A job file's path, its tables as a dictionary, or the job itself."""


def read_job(source: JobSource, overrides: Sequence[str] = (), runs: Path | None = None) -> tuple[Job, str]:
    """A job with its overrides, and the text that its search keeps as `job.toml`.

    Args:
        source: the job; paths in a dictionary are relative to the working directory.
        overrides: `table.key=value` settings that replace the job's, as `--set` takes them.
        runs: the runs folder, where a prompt to start from may be.

    Raises:
        PtuneError: the job breaks a law; the message has one line for each problem.
    """
    from ptune.checks.file import checked_job, checked_tables
    from ptune.spec.extends import extends
    from ptune.spec.job import Job
    from ptune.spec.overrides import noted
    from ptune.spec.reporting import as_stated
    from ptune.spec.write import job_toml

    if isinstance(source, str | os.PathLike):
        path = Path(source)
        job = checked_job(path, overrides, runs)
        complete = not extends(path)
        text = path.read_text(encoding="utf-8") if complete else job_toml(job)
        return job, text + noted(overrides)
    if isinstance(source, Job):
        budget = source.budget.model_copy(update={"report_every": as_stated(source.budget.report_every)})
        source = source.model_copy(update={"budget": budget}).model_dump(mode="json")
    if not isinstance(source, Mapping):
        raise SpecError(f"a job is a path, a dictionary or a Job, got {type(source).__name__}")
    job = checked_tables({str(key): plain(value, str(key)) for key, value in source.items()}, overrides, runs)
    return job, job_toml(job) + noted(overrides)


def overrides_of(settings: Mapping[str, object] | None, name: str | None = None) -> tuple[str, ...]:
    """Settings in Python's values as the overrides that `--set` takes.

    Args:
        settings: values by dotted key, such as `{"budget.trials": 4}`.
        name: the search's name, instead of the job's.

    Raises:
        SpecError: the settings are no dictionary, or a value has no form in TOML.
    """
    from ptune.spec.write import toml_value

    overriding = dict(as_settings(settings, "set"))
    if name is not None:
        overriding["name"] = name
    values = {str(key): plain(value, str(key)) for key, value in overriding.items()}
    nothing = [key for key, value in values.items() if value is None]
    if nothing:
        raise SpecError(f"{nothing[0]}: a setting needs a value, got None; leave the key out to keep the job's own")
    return tuple(f"{key}={toml_value(value)}" for key, value in values.items())


def plain(value: object, key: str) -> Any:
    """A value as TOML would hold it: paths are strings, tuples are lists, numbers of NumPy are Python's.

    Raises:
        SpecError: it has no form in TOML; the message names the key.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case os.PathLike():
            return os.fspath(value)
        case Mapping():
            return {str(name): plain(inner, f"{key}.{name}") for name, inner in value.items()}
        case list() | tuple():
            return [plain(inner, key) for inner in value]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a number of NumPy
        return value.item()
    raise SpecError(f"{key}: a number, string, list or dictionary belongs here, got {type(value).__name__} {value!r}")
