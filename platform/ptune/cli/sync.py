"""`ptune sync`: bring MLflow up to date with a search."""

from __future__ import annotations

import contextlib

import click


@click.command(short_help="Bring MLflow up to date with a search.")
@click.argument("name")
def sync(name: str) -> None:
    r"""Send MLflow what it lacks of a search, for example after its server was away. Safe to repeat.

    \b
    ptune sync quickstart
    """
    from ptune.journal import Journal, read
    from ptune.run.search import JOURNAL, runs_folder, search_folder
    from ptune.spec.job import Job
    from ptune.tracking.location import resolve_uri
    from ptune.tracking.mlflow_writer import sync as send

    folder = search_folder(runs_folder(), name)
    with contextlib.closing(Journal(folder / JOURNAL)) as journal:
        job = Job.model_validate(read(journal.path)[0]["job"])
        uri = resolve_uri(job.tracking.uri, folder.parent)

        def tracked(trial: int | None, run_id: str) -> None:
            journal.append("tracked", trial=trial, run_id=run_id)

        run_id = send(folder, uri, job.tracking.experiment or job.name, tracked)
    click.echo(f"{name} is up to date in MLflow at {uri}, run {run_id}")
