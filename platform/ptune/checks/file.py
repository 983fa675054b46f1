"""A job file, judged by every law: what `ptune validate` reports, and what `ptune search` and `ptune submit` refuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ptune.backbone.profile import Profile
from ptune.checks.job import Checked, check
from ptune.checks.prior import prior_problems
from ptune.checks.reports import with_counted_reports
from ptune.data.sources import Splits
from ptune.errors import SpecError
from ptune.spec.extends import Toml
from ptune.spec.job import Job
from ptune.spec.load import JobFile, read_job, read_tables
from ptune.spec.problem import error_of


@dataclass(frozen=True)
class CheckedFile:
    """A job file, judged.

    Attributes:
        path: the file.
        job: the job; None where a law of its tables is broken.
        problems: each `file: [table].key: law, value given`, once.
        later: what is only judged when the search starts.
        profile: the job's backbone; None where its files are not here.
        notes: what is to be said of its data.
        splits: its data sets, where all were read.
    """

    path: Path
    job: Job | None = None
    problems: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    profile: Profile | None = None
    notes: list[str] = field(default_factory=list)
    splits: list[Splits] | None = None


def check_file(
    path: Path, overrides: Sequence[str] = (), *, read_data: bool = False, runs: Path | None = None
) -> CheckedFile:
    """Judge a job file by every law that needs nothing but files on this machine.

    Args:
        path: the job file.
        overrides: `table.key=value` settings that replace the file's.
        read_data: also read the data and check columns, labels, texts, label words and an artifact to start from.
        runs: the runs folder, see `ptune.checks.job.check`.
    """
    try:
        file = read_job(path, overrides)
    except SpecError as error:
        return CheckedFile(path, problems=str(error).splitlines())
    checked = check(file.tables, read_data=read_data, runs=runs)
    checked.problems += prior_problems(file.tables, checked.profile)
    problems = _told(file, checked)
    job = None if problems else file.job()
    if job is not None and checked.splits is not None:
        job = with_counted_reports(job, checked.splits)
    return CheckedFile(path, job, problems, checked.later, checked.profile, checked.notes, checked.splits)


def checked_job(path: Path, overrides: Sequence[str] = (), runs: Path | None = None) -> Job:
    """Read a job file for a search.

    Args:
        path: the job file.
        overrides: as for `check_file`.
        runs: as for `check_file`.

    Raises:
        PtuneError: it has a problem; the message lists every one, those of its data's contents included.
    """
    return _job_of(read_job(path, overrides), runs)


def checked_tables(tables: Toml, overrides: Sequence[str] = (), runs: Path | None = None) -> Job:
    """Read a job from tables in memory for a search; paths in them are relative to the working directory.

    Args:
        tables: what a job's file would hold; changed by the call.
        overrides: as for `check_file`.
        runs: as for `check_file`.

    Raises:
        PtuneError: as for `checked_job`, with `job` in place of a file.
    """
    return _job_of(read_tables(tables, overrides), runs)


def _job_of(file: JobFile, runs: Path | None) -> Job:
    if file.problems or check(file.tables).problems:
        checked = check(file.tables, read_data=True, runs=runs)
        error = SpecError if file.problems else error_of([problem.error for problem in checked.problems])
        raise error("\n".join(_told(file, checked)))
    return file.job()


def _told(file: JobFile, checked: Checked) -> list[str]:
    """Every problem of a file, once."""
    return list(dict.fromkeys([*file.problems, *file.told(checked.problems)]))
