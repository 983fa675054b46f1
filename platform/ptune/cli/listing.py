"""`ptune list`: the searches in the runs folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command("list", short_help="List searches: state, trials, best result.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def listing(as_json: bool) -> None:
    """List the searches in the runs folder, the latest last.

    The state of a search is running, complete, failed or interrupted. `ptune resume NAME` continues an interrupted
    search.

    \b
    ptune list
    PTUNE_RUNS=elsewhere ptune list --json
    """
    from ptune.record.journal import JOURNAL
    from ptune.run.folders import runs_folder

    runs = runs_folder()
    journals = [path for path in runs.glob(f"*/{JOURNAL}") if path.stat().st_size]
    searches = sorted(map(about, journals), key=lambda entry: float(entry["started_at"]))
    if as_json:
        click.echo(json.dumps({"runs": str(runs), "searches": searches}, ensure_ascii=False))
    elif not searches:
        click.echo(f"no searches in {runs}; start one with `ptune search JOB`")
    else:
        _print(searches)


def about(path: Path) -> dict[str, Any]:
    """One search, from its journal."""
    from ptune.record.history import History
    from ptune.record.journal import is_running, read

    history = History.of(read(path))
    best = history.best
    return {
        "name": path.parent.name,
        "state": "running" if is_running(path) else history.status,
        "trials": len(history.trials),
        "planned": history.job.budget.trials,
        "metric": history.objective.metric,
        "best": None if best is None else best.best_value,
        "best_trial": None if best is None else best.number,
        "started_at": history.started_at,
    }


def _print(searches: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from ptune.report.wording import NONE, score

    table = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
    for column in ("name", "state", "trials", "best"):
        table.add_column(column, no_wrap=True)
    for entry in searches:
        metric, trial = entry["metric"], entry["best_trial"]
        best = NONE if trial is None else f"{score(entry['best'])} {metric} (trial {trial})"
        table.add_row(entry["name"], entry["state"], f"{entry['trials']} of {entry['planned']}", best)
    Console().print(table)
