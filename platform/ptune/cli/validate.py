"""`ptune validate`: every problem of job files, without starting anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptune.errors import SpecError
from ptune.report.said import say, say_json

if TYPE_CHECKING:
    from ptune.backbone.profile import Profile
    from ptune.checks.file import CheckedFile
    from ptune.checks.understood import Understood
    from ptune.spec.budget import Sampler
    from ptune.spec.job import Job


@click.command(short_help="Check job files and list every problem.")
@click.argument("jobs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="JOB...")
@click.option(
    "--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Replace a value of the job. May be repeated."
)
@click.option(
    "--data",
    "read_data",
    is_flag=True,
    help="Read the data, too: check it, and say what was understood of it, split by split.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def validate(jobs: tuple[Path, ...], overrides: tuple[str, ...], read_data: bool, as_json: bool) -> int:
    """Check job files and the search spaces that they name, without starting anything.

    A folder stands for every *.toml file below it. The command reports every problem of every file, as
    `file: [table].key: problem, value given`. The exit code is 2 if there is any.

    \b
    ptune validate jobs
    ptune validate jobs/quickstart.toml --set budget.trials=8 --data
    """
    from ptune.checks.file import check_file
    from ptune.report.first import tried_first
    from ptune.run.folders import runs_folder

    runs = runs_folder() if read_data else None
    results = [check_file(path, overrides, read_data=read_data, runs=runs) for path in job_files(jobs)]
    if as_json:
        ok = all(not result.problems for result in results)
        say_json({"ok": ok, "jobs": [_as_json(result) for result in results]})
    for result in [] if as_json else results:
        for problem in result.problems:
            say(problem, err=True)
        if result.job is not None:
            say(f"ok {result.path}: {_summary(result.job, result.profile)}")
            for note in [*result.later, *result.notes]:
                say(f"   {note}")
            for line in tried_first(result.job, result.profile):
                say(f"   tried first: {line}")
            for line in _data_lines(result):
                say(line)
    return 2 if any(result.problems for result in results) else 0


def _understood(result: CheckedFile) -> list[Understood]:
    """What a job makes of its data, if all of it was read."""
    from ptune.checks.understood import understood

    if result.job is None or result.splits is None:
        return []
    return understood(result.job, result.splits, result.profile)


def _data_lines(result: CheckedFile) -> Iterable[str]:
    from ptune.report.understood import lines

    return lines(_understood(result), shutil.get_terminal_size().columns)


def job_files(paths: Iterable[Path]) -> list[Path]:
    """The job files that a user names: files as they are, and for each folder every *.toml below it.

    Raises:
        SpecError: a folder holds none.
    """
    files: list[Path] = []
    for path in paths:
        jobs = sorted(path.rglob("*.toml")) if path.is_dir() else [path]
        if not jobs:
            raise SpecError(f"{path}: there is no *.toml in this folder or below it")
        files += jobs
    return files


def _as_json(result: CheckedFile) -> dict[str, object]:
    """A result for programs."""
    from ptune.report.first import tried_first

    return {
        "file": str(result.path),
        "ok": not result.problems,
        "problems": result.problems,
        "later": result.later,
        "notes": result.notes,
        "tried_first": [] if result.job is None else list(tried_first(result.job, result.profile)),
        "data": [asdict(data) for data in _understood(result)],
        "summary": None if result.job is None else _summary(result.job, result.profile),
    }


def _summary(job: Job, profile: Profile | None) -> str:
    """A job in one line."""
    from ptune.report.reporting import reports_text
    from ptune.report.wording import plural

    data, trials = job.task.sets[0], _trials(job, profile)
    folds = f" x {data.folds} folds" if data.folds else ""
    reports = reports_text(job.budget)
    most = job.budget.most_epochs(None if trials is None else trials * job.task.folds)
    cost = [] if most is None else [f"at most {plural(most, 'epoch')}"]
    depth = f" ({profile.layers} layers)" if profile is not None else ""
    return (
        f"{_counted(trials, job.budget.sampler)}{folds} x {plural(job.budget.epochs, 'epoch')} "
        f"({', '.join([job.budget.rule, *reports, *job.budget.limits, *cost])}), "
        f"{plural(len(job.space.searched), 'parameter')}, "
        f"{job.backbone.id}{depth}, {data.source or Path(data.train).name}"
    )


def _trials(job: Job, profile: Profile | None) -> int | None:
    """The number of trials, if it is known. A grid over the layers of a backbone that is not here cannot be counted."""
    from ptune.spec import grid

    if job.budget.trials is not None or job.budget.sampler != "grid":
        return job.budget.trials
    if profile is None and grid.needs_layers(job.space):
        return None
    return grid.size(job.space.resolved(profile.layers if profile is not None else 1))


def _counted(trials: int | None, sampler: Sampler) -> str:
    from ptune.report.wording import plural

    if trials is not None:
        return plural(trials, "grid trial" if sampler == "grid" else "trial")
    return "all trials" if sampler == "grid" else "trials"
