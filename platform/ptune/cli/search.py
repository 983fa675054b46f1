"""`ptune search`: run a job."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ptune.cli.resume import go_on
from ptune.cli.running import (
    address_option,
    changed_libraries_option,
    conclude,
    json_option,
    local_option,
    pick_observer,
    pick_runner,
)


@click.command(short_help="Run a job: search for the best prompt.")
@click.argument("job", type=click.Path(path_type=Path))
@click.option(
    "--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Replace a value of the job. May be repeated."
)
@click.option("--name", help="Name of the search. The default is the job's name.")
@click.option(
    "--resume-if-exists",
    is_flag=True,
    help="Go on with the search of this name if the runs folder has it, and start it otherwise.",
)
@click.option(
    "--keep-data",
    is_flag=True,
    help="Copy the data files into the search's folder, so that it can be resumed without the files themselves.",
)
@changed_libraries_option
@local_option
@address_option
@json_option
def search(
    job: Path,
    overrides: tuple[str, ...],
    name: str | None,
    resume_if_exists: bool,
    keep_data: bool,
    changed_libraries: bool,
    local: bool,
    address: str | None,
    as_json: bool,
) -> int:
    """Run a job: propose configurations, train their prompts on one frozen backbone, and export the best prompt.

    The search writes to ptune_runs/NAME, or to $PTUNE_RUNS/NAME. After Ctrl-C or a crash, continue it with
    `ptune resume NAME`.

    With --resume-if-exists, one command serves for every start: the first one starts the search, later ones go on with
    it, and after its end they report it. A job that searches something else under the same name is refused.

    \b
    ptune search jobs/quickstart.toml
    ptune search jobs/quickstart.toml --set budget.trials=8 --set seed=1
    ptune search jobs/quickstart.toml --local --json > result.json
    ptune search jobs/quickstart.toml --address head:6379
    ptune search jobs/quickstart.toml --resume-if-exists
    """
    from ptune.api import compose
    from ptune.api.jobs import read_job
    from ptune.run.begun import begun
    from ptune.run.folders import runs_folder

    if name is not None:
        overrides = (*overrides, f"name={json.dumps(name)}")
    if resume_if_exists:
        given, _ = read_job(job, overrides)
        if (history := begun(given, runs_folder())) is not None:
            return go_on(
                given.name,
                history,
                local=local,
                address=address,
                as_json=as_json,
                resources=given.resources,
                changed_libraries=changed_libraries,
            )
    runner = pick_runner(local=local, address=address)
    observer = pick_observer(as_json=as_json)
    outcome = compose.start(
        job, overrides, runs_folder(), runner, observer, only=resume_if_exists, keeps_data=keep_data
    )
    return conclude(outcome, as_json=as_json, local=local, address=address)
