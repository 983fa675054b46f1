"""`ptune tabulate`: the learning curves of finished searches as one table."""

from __future__ import annotations

from pathlib import Path

import click

from ptune.report.said import say


@click.command(short_help="Keep the learning curves of searches as a table.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="A parquet file."
)
@click.option("--task", metavar="WORDS", help="What people call the task.  [default: the source of its data]")
def tabulate(names: tuple[str, ...], out: Path, task: str | None) -> int:
    """Keep what every trial of some searches reported after every epoch, in a parquet file.

    The searches must agree on backbone, data, metric and epochs. Trials that did not train to the end are left out, so
    a search without early stopping fills a table best. So are those that began from what another trial had learned.
    `ptune simulate` plays searches on it.

    \b
    ptune tabulate whose-job-v1 whose-job-v2 --out whose_job.parquet
    ptune simulate jobs/curves/search.toml --table whose_job.parquet
    """
    from ptune.errors import SpecError
    from ptune.record.curve_table import write_table
    from ptune.report.wording import plural
    from ptune.run.curve_tables import record_curves
    from ptune.run.folders import runs_folder

    if out.suffix != ".parquet":
        raise SpecError(f"--out names a parquet file, such as curves.parquet, got {out}")
    table = record_curves(names, runs_folder(), task)
    write_table(table, out)
    counted = f"{plural(len(table.curves), 'configuration')}, {plural(len(table.runs), 'run')}"
    say(f"{out}: {counted}, {plural(table.recorded.epochs, 'epoch')} each ({out.stat().st_size / 1000:.0f} kB)")
    return 0
