"""`ptune simulate`: searches played on recorded learning curves, in minutes and without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptune.report.said import say, say_json

if TYPE_CHECKING:
    from ptune.record.curve_table import CurveTable
    from ptune.spec.job import Job


@click.command(short_help="Play a search on recorded learning curves.")
@click.argument("jobs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="JOB...")
@click.option("--table", "named", required=True, metavar="TABLE", help="A table's name, its file, or a search's name.")
@click.option("--seeds", type=click.IntRange(1, 1000), default=5, show_default=True, help="Searches of each job.")
@click.option(
    "--slots", type=click.IntRange(1, 1024), help="Trials at the same time.  [default: the job's slots, or 4]"
)
@click.option(
    "--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Replace a value of the jobs. May be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def simulate(
    jobs: tuple[Path, ...], named: str, seeds: int, slots: int | None, overrides: tuple[str, ...], as_json: bool
) -> int:
    """Play searches on a table of learning curves, to see which sampler, early stopping or budget suits a job.

    The real sampler and early stopping decide, and every epoch reports what was recorded for the nearest configuration.
    Nothing is trained and nothing is written. A job's space, budget, metric and objectives count; its backbone and data
    are not looked at.

    \b
    ptune simulate jobs/curves/search.toml --table whose_job
    ptune simulate a.toml b.toml --table my-grid-search --seeds 20
    """
    from ptune.record.objective import Objective
    from ptune.report.simulated import about_table, played_table, to_json
    from ptune.report.wording import plural
    from ptune.run.curve_tables import load_table
    from ptune.run.folders import runs_folder
    from ptune.searching.on_table import play_on

    table = load_table(named, runs_folder())
    read = _read(jobs, overrides, table)
    played = {}
    for name, job in read.items():
        played[name] = [play_on(job, table, seed, slots or _slots(job)) for seed in range(seeds)]
        say(f"ptune: played {name}, {plural(seeds, 'seed')}", err=True)
    objective = Objective.of(next(iter(read.values())).task)
    if as_json:
        say_json(to_json(played, table, objective))
        return 0
    say(about_table(named, table, objective))
    say(played_table(played, table.recorded.epochs))
    return 0


def _read(paths: tuple[Path, ...], overrides: tuple[str, ...], table: CurveTable) -> dict[str, Job]:
    """The jobs, by name."""
    from ptune.errors import SpecError
    from ptune.searching.on_table import table_problems
    from ptune.spec.load import read_job

    files = [read_job(path, overrides) for path in paths]
    jobs = [file.job() for file in files]
    lines = [line for file, job in zip(files, jobs, strict=True) for line in file.told(table_problems(job, table))]
    names = [job.name for job in jobs]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        lines.append(f"jobs must have names that differ, got {', '.join(repeated)} more than once")
    if len(metrics := sorted({job.task.metric for job in jobs})) > 1:
        lines.append(f"jobs must have one metric to be compared, got {', '.join(metrics)}")
    if len(selections := sorted({job.task.selection for job in jobs})) > 1:
        lines.append(f"jobs must have one task.selection to be compared, got {', '.join(selections)}")
    if lines:
        raise SpecError("\n".join(dict.fromkeys(lines)))
    return dict(zip(names, jobs, strict=True))


def _slots(job: Job) -> int:
    return job.resources.slots if isinstance(job.resources.slots, int) else 4
