"""`ptune search`: run a job."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ptune.cli.running import address_option, conclude, json_option, local_option, pick_observer, pick_runner


@click.command(short_help="Run a job: search for the best prompt.")
@click.argument("job", type=click.Path(path_type=Path))
@click.option(
    "--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Replace a value of the job. May be repeated."
)
@click.option("--name", help="Name of the search. The default is the job's name.")
@local_option
@address_option
@json_option
def search(
    job: Path, overrides: tuple[str, ...], name: str | None, local: bool, address: str | None, as_json: bool
) -> int:
    """Run a job: propose configurations, train their prompts on one frozen backbone, and export the best prompt.

    The search writes to ptune_runs/NAME, or to $PTUNE_RUNS/NAME. After Ctrl-C or a crash, continue it with
    `ptune resume NAME`.

    \b
    ptune search jobs/quickstart.toml
    ptune search jobs/quickstart.toml --set budget.trials=8 --set seed=1
    ptune search jobs/quickstart.toml --local --json > result.json
    ptune search jobs/quickstart.toml --address head:6379
    """
    from ptune.report.publish import publish
    from ptune.run.interrupts import interrupts
    from ptune.run.search import runs_folder, start_search
    from ptune.spec.extends import extends
    from ptune.spec.load import load_job
    from ptune.spec.overrides import noted
    from ptune.spec.write import job_toml

    if name is not None:
        overrides = (*overrides, f"name={json.dumps(name)}")
    spec = load_job(job, overrides)
    text = (job_toml(spec) if extends(job) else job.read_text(encoding="utf-8")) + noted(overrides)
    with interrupts():  # SIGTERM ends a search as Ctrl-C does: saved, recorded as interrupted, and resumable
        outcome = start_search(
            spec,
            text,
            runs_folder(),
            pick_runner(local=local, address=address),
            pick_observer(as_json=as_json),
            publish,
        )
    return conclude(outcome, as_json=as_json, local=local, address=address)
