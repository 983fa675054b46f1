"""`ptune submit`: run a job on a Ray cluster that is running elsewhere."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from ptune.cli.cluster import dashboard_option, show
from ptune.report.said import say


@click.command(short_help="Run a job as a Ray job on a cluster.")
@click.argument("job", type=click.Path(path_type=Path))
@dashboard_option
@click.option(
    "--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Replace a value of the job. May be repeated."
)
@click.option("--name", help="Name of the search. The default is the job's name.")
@click.option("--follow/--no-follow", default=True, show_default=True, help="Show the job's log until it ends.")
def submit(job: Path, address: str | None, overrides: tuple[str, ...], name: str | None, follow: bool) -> int:
    """Run a job's search on a Ray cluster as a Ray job, and follow its log.

    The same command starts the search, goes on with it after a stop or a crash, or follows it while it runs. This
    version of ptune travels with the job, and so do small data files. $PTUNE_RUNS must name storage that all nodes
    share. Ctrl-C stops following the log, and the job goes on.

    \b
    ptune submit jobs/quickstart.toml --address http://head:8265
    ptune submit jobs/quickstart.toml --no-follow
    """
    from ptune.checks.file import checked_job
    from ptune.raytune.submission import submit as submitted_to

    if name is not None:
        overrides = (*overrides, f"name={json.dumps(name)}")
    checked = checked_job(job, overrides)
    runs = os.environ.get("PTUNE_RUNS") or None
    submitted = submitted_to(checked, runs, address, overrides, lambda text: say(f"ptune: {text}", err=True))
    return show(submitted, address, follow=follow)
