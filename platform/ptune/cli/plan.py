"""`ptune plan`: what a search will take, before it starts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptune.report.said import say, say_json

if TYPE_CHECKING:
    from ptune.searching.plan import Pace, Planned
    from ptune.spec.job import Job

_ENGINES = (1, 2, 4, 8, 16)


@click.command(short_help="Say what a search will take before it starts.")
@click.argument("job", type=click.Path(path_type=Path), metavar="JOB")
@click.option(
    "--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Replace a value of the job. May be repeated."
)
@click.option(
    "--engines",
    multiple=True,
    type=click.IntRange(1, 1024),
    metavar="N",
    help="A number of engines on devices like this machine's. May be repeated.  [default: 1, 2, 4, 8, 16]",
)
@click.option("--rate", type=click.FloatRange(min=0), metavar="PRICE", help="What an hour of an engine costs.")
@click.option(
    "--memory", type=click.FloatRange(min=0, min_open=True), metavar="GB", help="Whether an engine fits on such a GPU."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def plan(
    owns_process: bool | None,
    job: Path,
    overrides: tuple[str, ...],
    engines: tuple[int, ...],
    rate: float | None,
    memory: float | None,
    as_json: bool,
) -> int:
    """Say how many trials and epochs a search will have, and how long it takes on some numbers of engines.

    It also says what an engine takes of a device's memory, counted from shapes; with --memory, whether a GPU of so many
    GB (2^30 bytes) holds it, and if not, what to change.

    An epoch is measured on this machine, on a part of the data. The search itself is then played in virtual time, with
    its real sampler and early stopping, on learning curves that are made up. Nothing is written.

    \b
    ptune plan jobs/quickstart.toml
    ptune plan jobs/quickstart.toml --engines 4 --rate 2.49
    ptune plan jobs/quickstart.toml --memory 24
    """
    from ptune.api import compose
    from ptune.api.jobs import read_job
    from ptune.checks.memory import GIB, needs
    from ptune.report.planned import headline, table, verdict
    from ptune.report.planned_memory import memory_rows, memory_table
    from ptune.report.wording import plural
    from ptune.run.folders import runs_folder

    read, _ = read_job(job, overrides, runs_folder())
    compose.ready_to_train(owns_process=bool(owns_process))
    from ptune.run.measure_pace import measure_pace
    from ptune.run.prepare import prepare
    from ptune.searching.plan import plan as played
    from ptune.searching.plan import stopping_early

    prepared = prepare(read, runs_folder())
    pace = measure_pace(prepared, lambda what: say(f"ptune: {what}", err=True))
    plans = []
    for planned in played(prepared.header, pace, sorted(set(engines or _ENGINES))):
        say(f"ptune: played on {plural(planned.engines, 'engine')}", err=True)
        plans.append(planned)
    footprints = [needs(prepared.job, prepared.sizes, "cpu"), needs(prepared.job, prepared.sizes, "cuda")]
    room = None if memory is None else int(memory * GIB)
    if as_json:
        say_json(_as_json(read, pace, plans, rate) | {"memory": memory_rows(footprints, room, read.task)})
        return 0
    say(headline(prepared.header, pace, plans[0]))
    say(memory_table(footprints, room, read.task))
    say(table(plans, rate))
    say(verdict(plans, stopping_early(prepared.header, pace, plans[0].engines)))
    return 0


def _as_json(job: Job, pace: Pace, plans: list[Planned], rate: float | None) -> dict[str, object]:
    """The plan for programs."""
    rows = [asdict(planned) | {"device_hours": planned.device_hours} for planned in plans]
    priced = [
        row if rate is None else row | {"price": rate * planned.device_hours}
        for row, planned in zip(rows, plans, strict=True)
    ]
    return {"job": job.name, "pace": asdict(pace) | {"gain": pace.gain}, "plans": priced}
