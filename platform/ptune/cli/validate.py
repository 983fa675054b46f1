"""`ptune validate`: every problem of job files, without starting anything."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from ptune.errors import SpecError


@click.command(short_help="Check job files and list every problem.")
@click.argument("jobs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="JOB...")
@click.option(
    "--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Replace a value of the job. May be repeated."
)
@click.option(
    "--data", "read_data", is_flag=True, help="Read the data, too, and check columns, labels, texts and label words."
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
    from ptune.cli.checks import check, describe, to_json

    results = [check(path, overrides, read_data=read_data) for path in job_files(jobs)]
    if as_json:
        click.echo(to_json(results))
    for result in [] if as_json else results:
        for problem in result.problems:
            click.echo(problem, err=True)
        if result.job is not None and not result.problems:
            click.echo(f"ok {result.path}: {describe(result.job, result.layers)}")
            for note in result.later:
                click.echo(f"   {note}")
    return 2 if any(result.problems for result in results) else 0


def job_files(paths: Iterable[Path]) -> list[Path]:
    """The job files that a user names: files as they are, and for each folder every *.toml below it.

    Raises:
        SpecError: a folder holds none.
    """
    files: list[Path] = []
    for path in paths:
        found = sorted(path.rglob("*.toml")) if path.is_dir() else [path]
        if not found:
            raise SpecError(f"{path}: there is no *.toml in this folder or below it")
        files += found
    return files
